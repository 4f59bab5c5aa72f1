#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "services/clicks/click.hpp"

namespace qck::ingest {

/// Turns a client's `event_id` into the key it is remembered by: 128 bits of XXH3 under a secret,
/// so that nobody can make two ids collide. Equal for equal secrets, so keys in the journal hold
/// across restarts. Events and clicks have ids of their own. Thread-safe.
class KeyHasher {
public:
    explicit KeyHasher(const std::array<std::uint8_t, 16>& secret);

    clicks::EventKey event_key(std::string_view event_id) const;
    clicks::EventKey click_key(std::string_view event_id) const;

private:
    using Secret = std::array<std::uint8_t, 192>;
    Secret events_{};
    Secret clicks_{};
};

/// Remembers at least the last `keys_max` keys: the horizon within which a retry is recognised.
///
/// Two generations of an open-addressing set: when the younger one has keys_max keys it becomes the
/// elder, and what the elder held is forgotten. 16 bytes a slot, at most 3 in 4 in use, grown as
/// keys come: at most 43 bytes for each key of keys_max. Not thread-safe.
class RecentKeys {
public:
    explicit RecentKeys(std::size_t keys_max);

    /// Makes room for `keys` insertions.
    void reserve(std::size_t keys);
    /// False when `key` is remembered already. After reserve() for all keys inserted since.
    bool insert(const clicks::EventKey& key);
    std::size_t size() const { return younger_.used + elder_.used; }
    std::size_t bytes() const {
        return (younger_.slots.capacity() + elder_.slots.capacity()) * sizeof(clicks::EventKey);
    }

private:
    /// Linear probing; the all-zero key marks an empty slot.
    struct Generation {
        std::vector<clicks::EventKey> slots;
        std::size_t used = 0;

        bool has(const clicks::EventKey& key) const;
        /// Where `key` is, or the empty slot where it belongs.
        std::size_t find(const clicks::EventKey& key) const;
        void grow(std::size_t slot_count);
    };

    std::size_t keys_max_;
    Generation younger_;
    Generation elder_;
};

}  // namespace qck::ingest
