#include "services/clicks/journal_shard.hpp"

#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "services/clicks/frame.hpp"
#include "services/clicks/segment.hpp"
#include "services/clicks/segment_supply.hpp"

namespace qck::clicks {
namespace {

/// How often the supply is woken to make pages ahead writable: a system call for so many bytes.
constexpr std::uint32_t wake_every_bytes = 512 << 10;

constexpr std::size_t string_frame_bytes(std::string_view text) {
    return frame_round(string_bytes_min + text.size());
}

}  // namespace

JournalShard::JournalShard(std::uint16_t number, SegmentSupply& supply)
    : number_(number), epoch_(supply.options().epoch), supply_(supply) {}

bool JournalShard::ready(std::size_t record_bytes, std::uint16_t agent,
                         std::uint16_t referrer) const noexcept {
    return offset_ + record_bytes <= soft_limit_ && !agents_.unwritten(agent) &&
           !referrers_.unwritten(referrer);
}

void JournalShard::appended(std::size_t bytes) noexcept {
    offset_ += static_cast<std::uint32_t>(bytes);
    ++index_;
    position_.store(base_position_ + offset_, std::memory_order_release);
    sequence_.store(base_sequence_ + index_, std::memory_order_release);
}

bool JournalShard::append(const Click& click) noexcept {
    if (!ready(click_bytes, click.user_agent, click.referrer) &&
        !prepare(click_bytes, click.user_agent, click.referrer)) [[unlikely]] {
        return false;
    }
    appended(write_click(place(), seed_, index_, click));
    return true;
}

bool JournalShard::append(const Click& click, const EventKey& key) noexcept {
    if (!ready(edge_click_bytes, click.user_agent, click.referrer) &&
        !prepare(edge_click_bytes, click.user_agent, click.referrer)) [[unlikely]] {
        return false;
    }
    ++keyed_records_;
    appended(write_edge_click(place(), seed_, index_, click, key));
    return true;
}

bool JournalShard::append(const Event& event) noexcept {
    const std::size_t bytes =
        frame_round(event_bytes_min + std::min(event.type.size(), event_string_bytes_max) +
                    std::min(event.product.size(), event_string_bytes_max));
    if (!ready(bytes, 0, 0) && !prepare(bytes, 0, 0)) [[unlikely]] {
        return false;
    }
    ++keyed_records_;
    appended(write_event(place(), seed_, index_, event));
    return true;
}

bool JournalShard::reserve(std::size_t bytes) noexcept {
    if (offset_ + bytes <= capacity_) return true;
    if (segment_header_bytes + bytes + end_bytes > supply_.options().segment_bytes) return false;
    return roll();
}

Agent JournalShard::user_agent(std::string_view text) noexcept {
    const std::uint16_t id = agents_.find_or_add(text);
    return {id, agents_.kind(id, text)};
}

std::uint16_t JournalShard::referrer(std::string_view text) noexcept {
    return referrers_.find_or_add(text);
}

void JournalShard::write_string(std::uint8_t type, std::uint16_t id,
                                std::string_view text) noexcept {
    offset_ += static_cast<std::uint32_t>(
        clicks::write_string(place(), seed_, index_, static_cast<FrameType>(type), id, text));
}

bool JournalShard::prepare(std::size_t record_bytes, std::uint16_t agent,
                           std::uint16_t referrer) noexcept {
    const auto agent_text = agents_.text(agent);
    const auto referrer_text = referrers_.text(referrer);
    const std::size_t strings =
        (agents_.unwritten(agent) ? string_frame_bytes(agent_text) : 0) +
        (referrers_.unwritten(referrer) ? string_frame_bytes(referrer_text) : 0);
    // A new segment lacks every string, but the smallest one has room for them and the record.
    if (offset_ + strings + record_bytes > capacity_ && !roll()) return false;

    if (agents_.unwritten(agent)) {
        write_string(static_cast<std::uint8_t>(FrameType::user_agent), agent, agent_text);
        agents_.set_written(agent);
    }
    if (referrers_.unwritten(referrer)) {
        write_string(static_cast<std::uint8_t>(FrameType::referrer), referrer, referrer_text);
        referrers_.set_written(referrer);
    }
    if (offset_ + record_bytes > soft_limit_) {
        soft_limit_ = static_cast<std::uint32_t>(
            std::min<std::size_t>(offset_ + record_bytes + wake_every_bytes, capacity_));
        supply_.set_offset(number_, offset_);
        supply_.wake();
    }
    return true;
}

bool JournalShard::roll() noexcept {
    // Without a next segment this one stays open: it may still have room for a smaller record.
    Segment* const next = supply_.take(number_);
    if (next == nullptr) return false;
    if (data_ != nullptr) write_end(place(), seed_, index_, keyed_records_);

    base_sequence_ += index_;
    const auto& options = supply_.options();
    const SegmentHeader header = make_header(options.node, next->id(), next->bytes(),
                                             base_sequence_, static_cast<std::uint64_t>(wall_ms()));
    std::memcpy(next->data(), &header, sizeof header);

    data_ = next->data();
    offset_ = segment_header_bytes;
    soft_limit_ = 0;
    capacity_ = next->bytes() - end_bytes;
    seed_ = frame_seed(options.node, next->id());
    index_ = 0;
    keyed_records_ = 0;
    base_position_ = std::uint64_t{next->id().number} * next->bytes();
    agents_.begin_segment(next->id().number + 1);
    referrers_.begin_segment(next->id().number + 1);
    position_.store(base_position_ + offset_, std::memory_order_release);
    supply_.install(number_, next);
    return true;
}

}  // namespace qck::clicks
