#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "services/clicks/click_store.hpp"

namespace qck::clicks {

/// Clicks per (link, producer, class, hour): an open-addressing hash table of 24 bytes an entry,
/// because a hundred thousand links may be hot at once. Not thread-safe.
class CountTable {
public:
    /// All but the link. Sorting by (link, tag) sorts by link, shard, class, hour.
    using Tag = std::uint64_t;
    static constexpr Tag tag(std::uint16_t shard, ClickClass click_class, std::uint32_t hour) {
        return std::uint64_t{shard} << 40 |
               std::uint64_t{static_cast<std::uint8_t>(click_class)} << 32 | hour;
    }

    CountTable();

    void add(std::uint64_t link_id, Tag tag, std::uint64_t count) {
        Entry& entry = entries_[slot_of(link_id, tag)];
        if (entry.count == 0) [[unlikely]] {
            insert(link_id, tag, count);
        } else {
            entry.count += count;
        }
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    /// In order of link, shard, class, hour.
    std::vector<ClickCount> sorted() const;
    /// Those of one link, in no order.
    std::vector<ClickCount> of_link(std::uint64_t link_id) const;
    /// Forgets all, and gives back memory that was needed for a burst.
    void clear();

private:
    struct Entry {
        std::uint64_t link_id = 0;
        Tag tag = 0;
        std::uint64_t count = 0;  ///< 0: free
    };

    std::size_t slot_of(std::uint64_t link_id, Tag tag) const {
        // Fibonacci hashing (Knuth, TAOCP 6.4): the high bits of the product are the well mixed
        // ones.
        std::uint64_t hash = (link_id ^ tag * 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93;
        hash ^= hash >> 32;
        std::size_t slot = (hash * 0x9E3779B97F4A7C15) >> shift_;
        const std::size_t mask = entries_.size() - 1;
        while (entries_[slot].count != 0 &&
               (entries_[slot].link_id != link_id || entries_[slot].tag != tag)) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }
    void insert(std::uint64_t link_id, Tag tag, std::uint64_t count);
    void grow();
    static ClickCount to_count(const Entry& entry);

    std::vector<Entry> entries_;
    unsigned shift_;
    std::size_t size_ = 0;
    std::unordered_set<Tag>
        tags_;  ///< those in use: few, so a link's entries are found by trying them
    Tag last_tag_ = ~Tag{0};
};

}  // namespace qck::clicks
