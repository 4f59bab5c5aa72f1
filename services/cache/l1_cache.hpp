#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "services/links/link.hpp"

namespace qck::cache {

/// What a code leads to, ready to send: the response up to and with `Date: `.
struct L1Entry {
    enum class Kind : std::uint8_t { link, absent };

    std::uint64_t hash = 0;
    std::uint64_t link_id = 0;       ///< 0 for absent
    std::uint64_t version = 0;       ///< of the link, or of the tombstone
    std::int64_t expires_at_ms = 0;  ///< of the link, since 1970; never: INT64_MAX
    std::int64_t loaded_at_ns = 0;   ///< when what it says was read, monotonic
    std::int64_t refresh_at_ns = 0;  ///< not worth asking again before; monotonic
    std::int64_t stale_at_ns = 0;    ///< of an absent entry, monotonic; for links INT64_MAX
    std::int64_t version_at_ns = 0;  ///< when `version` was learnt, monotonic
    L1Entry* newer = nullptr;        ///< in its queue
    L1Entry* older = nullptr;
    std::uint32_t head_bytes = 0;
    std::uint16_t code_bytes = 0;
    Kind kind = Kind::absent;
    std::uint8_t hits = 0;  ///< saturates at 3
    bool in_main = false;
    bool pinned = false;  ///< for links only

    std::string_view code() const { return {reinterpret_cast<const char*>(this + 1), code_bytes}; }
    std::string_view head() const {
        return {reinterpret_cast<const char*>(this + 1) + code_bytes, head_bytes};
    }
    std::size_t bytes() const { return sizeof(L1Entry) + code_bytes + head_bytes; }
};

/// Why a code is pinned; it stays pinned until the last of them is gone.
enum class PinReason : std::uint8_t { popular = 1, mode = 2, asked = 4 };

/// The response of a link up to and with `Date: `; what is left is the date and an empty line.
std::string redirect_head(const links::Link& link);

/// In-process cache of one reactor: code to ready-made response, bounded in bytes.
///
/// Evicts by S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023): a
/// small queue for newcomers, a main queue for what was asked for again, and a ghost of
/// fingerprints that lets back straight into main what was evicted lately. The ghost is a
/// direct-mapped table, so its order is approximate.
///
/// Links of pinned codes are never evicted, up to half of the bytes.
///
/// Invariants: an entry never gives way to an older version, unless it is dropped, or is absent and
/// has had its version for ten minutes: a store forgets a tombstone after some time (SQLite and
/// PostgreSQL after a day) and begins again at version 1, and no word of the link that was comes
/// that late. bytes() <= bytes_max after every call. Not thread-safe.
class L1Cache {
public:
    /// Codes that may be pinned.
    static constexpr std::size_t pins_max = 100'000;

    /// `seed` keys the hash, so that nobody can choose codes that collide.
    L1Cache(std::size_t bytes_max, std::uint64_t seed);
    ~L1Cache();
    L1Cache(const L1Cache&) = delete;
    L1Cache& operator=(const L1Cache&) = delete;

    /// The entry of a code, absent ones that are not stale included; null when there is none. Valid
    /// until the next call that is not find().
    const L1Entry* find(std::string_view code, std::int64_t now_ns);
    /// As find(), but stale absent entries too.
    const L1Entry* find_any(std::string_view code) const;

    /// What was read at `loaded_at_ns`. False when a newer version is there already.
    bool put(const links::Link& link, std::int64_t loaded_at_ns);
    /// Remembers that there is no such link, as of `version` (of its tombstone; 0: never seen)
    /// until `stale_at_ns`. False when a newer version of a link is there, or, without a version, a
    /// link that was read later. Over another absent entry the larger version is kept.
    bool put_absent(std::string_view code, std::uint64_t version, std::int64_t loaded_at_ns,
                    std::int64_t stale_at_ns);
    /// Forgets what is known of a code, its version too: not while an older answer is on its way. A
    /// pin stays. False when nothing was known.
    bool drop(std::string_view code);
    /// Asking for the code again is not worth it before `refresh_at_ns`.
    void postpone_refresh(std::string_view code, std::int64_t refresh_at_ns);

    /// The code's link, whenever it is here, is not evicted. False when too many codes are pinned,
    /// or when their links take half of the bytes already (then it may become pinned later).
    bool pin(std::string_view code, PinReason reason);
    void unpin(std::string_view code, PinReason reason);
    /// Whether it is pinned for that reason.
    bool is_pinned(std::string_view code, PinReason reason) const;
    /// What it says is known to have been so at `then_ns`, though it was not read again.
    void confirm(std::string_view code, std::int64_t then_ns);
    std::size_t pinned_entries() const { return pinned_.entries; }

    std::size_t bytes() const { return bytes_; }
    std::size_t entries() const { return entries_; }

    /// When entries of links were read last, sorted; by looking at no more than `slots_max` places
    /// spread over the table: every entry of a small cache, a sample of a large one.
    std::vector<std::int64_t> load_times(std::size_t slots_max) const;

private:
    struct Queue {
        L1Entry* newest = nullptr;
        L1Entry* oldest = nullptr;
        std::size_t bytes = 0;
        std::size_t entries = 0;
    };
    struct CodeHash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    std::uint64_t hash_of(std::string_view code) const;
    std::size_t slot_of(std::uint64_t hash, std::string_view code) const;
    L1Entry* entry_of(std::string_view code) const { return table_[slot_of(hash_of(code), code)]; }
    Queue& queue_of(const L1Entry& entry) {
        return entry.pinned ? pinned_ : entry.in_main ? main_ : small_;
    }
    bool may_be_pinned(const L1Entry& entry) const;
    bool insert(L1Entry* entry);
    void push(Queue& queue, L1Entry& entry);
    void unlink(L1Entry& entry);
    void remove(L1Entry& entry);
    void evict();
    void evict_from_small();
    void evict_from_main();
    void grow();

    std::size_t bytes_max_;
    std::uint64_t seed_;
    std::size_t bytes_ = 0;
    std::size_t entries_ = 0;
    std::vector<L1Entry*> table_;  ///< open addressing, linear probing, a power of two, half empty
    Queue small_;
    Queue main_;
    Queue pinned_;
    /// Pinned codes and their reasons, whether they are here or not.
    std::unordered_map<std::string, std::uint8_t, CodeHash, std::equal_to<>> pins_;
    std::vector<std::uint32_t> ghost_;
};

}  // namespace qck::cache
