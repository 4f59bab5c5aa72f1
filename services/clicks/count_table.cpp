#include "services/clicks/count_table.hpp"

#include <algorithm>

namespace qck::clicks {
namespace {

constexpr std::size_t slots_min = 1024;
constexpr unsigned shift_min = 54;  // 64 - log2(slots_min)

}  // namespace

CountTable::CountTable() : entries_(slots_min), shift_(shift_min) {}

ClickCount CountTable::to_count(const Entry& entry) {
    return {entry.link_id, static_cast<std::uint32_t>(entry.tag),
            static_cast<std::uint16_t>(entry.tag >> 40),
            static_cast<ClickClass>(entry.tag >> 32 & 0xFF), entry.count};
}

void CountTable::insert(std::uint64_t link_id, Tag tag, std::uint64_t count) {
    if (count == 0) return;
    if ((size_ + 1) * 5 > entries_.size() * 3) grow();
    entries_[slot_of(link_id, tag)] = {link_id, tag, count};
    ++size_;
    if (tag != last_tag_) {
        tags_.insert(tag);
        last_tag_ = tag;
    }
}

void CountTable::grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    --shift_;
    for (const Entry& entry : old) {
        if (entry.count != 0) entries_[slot_of(entry.link_id, entry.tag)] = entry;
    }
}

std::vector<ClickCount> CountTable::sorted() const {
    std::vector<ClickCount> counts;
    counts.reserve(size_);
    for (const Entry& entry : entries_) {
        if (entry.count != 0) counts.push_back(to_count(entry));
    }
    std::sort(counts.begin(), counts.end(), [](const ClickCount& a, const ClickCount& b) {
        if (a.link_id != b.link_id) return a.link_id < b.link_id;
        return tag(a.shard, a.click_class, a.hour) < tag(b.shard, b.click_class, b.hour);
    });
    return counts;
}

std::vector<ClickCount> CountTable::of_link(std::uint64_t link_id) const {
    std::vector<ClickCount> counts;
    if (tags_.size() > entries_.size()) {
        for (const Entry& entry : entries_) {
            if (entry.count != 0 && entry.link_id == link_id) counts.push_back(to_count(entry));
        }
        return counts;
    }
    for (const Tag tag : tags_) {
        const Entry& entry = entries_[slot_of(link_id, tag)];
        if (entry.count != 0) counts.push_back(to_count(entry));
    }
    return counts;
}

void CountTable::clear() {
    std::vector<Entry>(slots_min).swap(entries_);
    shift_ = shift_min;
    size_ = 0;
    tags_.clear();
    last_tag_ = ~Tag{0};
}

}  // namespace qck::clicks
