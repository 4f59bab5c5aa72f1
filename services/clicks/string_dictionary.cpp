#include "services/clicks/string_dictionary.hpp"

#include <algorithm>
#include <cstring>

#include "services/clicks/crc32c.hpp"

namespace qck::clicks {
namespace {

constexpr std::size_t slot_count = 2 * StringDictionary::entries_max;

}  // namespace

StringDictionary::StringDictionary()
    : entries_(entries_max),
      slots_(slot_count),
      written_in_(entries_max),
      text_(std::make_unique_for_overwrite<char[]>(text_bytes_max)) {}

std::uint16_t StringDictionary::find_or_add(std::string_view text) noexcept {
    text = text.substr(0, string_bytes_max);
    if (text.empty()) return 0;
    if (last_ != 0 && this->text(last_) == text) return last_;
    if (full_in_ != 0 && full_in_ != mark_) clear();

    const std::uint32_t hash = crc32c(0, text.data(), text.size());
    std::size_t slot = hash % slot_count;
    for (; slots_[slot] != 0; slot = (slot + 1) % slot_count) {
        const std::uint16_t id = slots_[slot];
        if (entries_[id].hash == hash && this->text(id) == text) return last_ = id;
    }
    return add(text, hash, slot);
}

std::uint16_t StringDictionary::add(std::string_view text, std::uint32_t hash,
                                    std::size_t slot) noexcept {
    if (count_ + 1U >= entries_max || text_used_ + text.size() > text_bytes_max) {
        full_in_ = mark_;
        return 0;
    }
    const std::uint16_t id = ++count_;
    std::memcpy(text_.get() + text_used_, text.data(), text.size());
    entries_[id] = {hash, text_used_, static_cast<std::uint8_t>(text.size()), 255};
    text_used_ += static_cast<std::uint32_t>(text.size());
    slots_[slot] = id;
    written_in_[id] = 0;
    return last_ = id;
}

void StringDictionary::clear() noexcept {
    std::fill(slots_.begin(), slots_.end(), std::uint16_t{0});
    text_used_ = 0;
    count_ = 0;
    last_ = 0;
    full_in_ = 0;
}

AgentKind StringDictionary::kind(std::uint16_t id, std::string_view text) noexcept {
    if (id == 0) return classify_agent(text);
    Entry& entry = entries_[id];
    if (entry.kind == 255) entry.kind = static_cast<std::uint8_t>(classify_agent(this->text(id)));
    return static_cast<AgentKind>(entry.kind);
}

std::string_view StringDictionary::text(std::uint16_t id) const noexcept {
    const Entry& entry = entries_[id % entries_max];
    return {text_.get() + entry.offset, id == 0 ? std::size_t{0} : entry.bytes};
}

void StringDictionary::begin_segment(std::uint32_t mark) noexcept {
    mark_ = mark;
    written_in_[0] = mark;  // the absent string needs no frame
}

}  // namespace qck::clicks
