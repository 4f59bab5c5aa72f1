#include "services/clicks/count_fold.hpp"

#include <algorithm>

#include "services/clicks/frame.hpp"

namespace qck::clicks {
namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t micros = 1'000'000;

EventCount one(const Event& event, std::uint32_t hour) {
    EventCount count;
    count.hour = hour;
    count.count = 1;
    if (event.has_amount) {
        count.amounts = 1;
        count.sum_units = event.amount_micros / micros;
        count.sum_micros = event.amount_micros % micros;
        count.min_micros = count.max_micros = event.amount_micros;
    }
    return count;
}

}  // namespace

void add_event_count(EventCount& sum, const EventCount& more) {
    if (more.amounts > 0) {
        const bool first = sum.amounts == 0;
        sum.min_micros = first ? more.min_micros : std::min(sum.min_micros, more.min_micros);
        sum.max_micros = first ? more.max_micros : std::max(sum.max_micros, more.max_micros);
    }
    sum.count += more.count;
    sum.amounts += more.amounts;
    sum.sum_micros += more.sum_micros;
    sum.sum_units += more.sum_units + sum.sum_micros / micros;
    sum.sum_micros %= micros;
}

void CountFold::add(std::uint16_t shard, std::span<const std::byte> run) {
    for_each_frame(run, [&](const Frame& frame) {
        if (!frame.is_record()) return;
        ++records_;
        const auto hour = static_cast<std::uint32_t>(frame.time_ms() / hour_ms);
        if (frame.is_click()) {
            const auto click_class = static_cast<ClickClass>(frame.click_class());
            const std::uint32_t kept_hour = keep_ == Keep::everything ? hour : 0;
            clicks_.add(frame.link_id(), CountTable::tag(shard, click_class, kept_hour), 1);
        } else if (keep_ == Keep::everything) {
            add_event(frame.event(), hour);
        }
    });
}

void CountFold::add_event(const Event& event, std::uint32_t hour) {
    auto& of_hour = events_[hour];
    auto found = of_hour.find(event.type);
    if (found == of_hour.end()) {
        found = of_hour.emplace(event.type, EventCount{}).first;
        found->second.type = event.type;
        found->second.hour = hour;
        ++event_counts_;
    }
    add_event_count(found->second, one(event, hour));
}

std::vector<EventCount> CountFold::events() const {
    std::vector<EventCount> counts;
    counts.reserve(event_counts_);
    for (const auto& [hour, by_type] : events_) {
        for (const auto& [type, count] : by_type) counts.push_back(count);
    }
    return counts;
}

void CountFold::clear() {
    clicks_.clear();
    events_.clear();
    event_counts_ = 0;
    records_ = 0;
}

}  // namespace qck::clicks
