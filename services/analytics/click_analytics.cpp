#include "services/analytics/click_analytics.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "services/clicks/count_fold.hpp"

namespace qck::analytics {
namespace {

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::uint32_t days_of_visitors = 7;

std::uint32_t hour_at_or_before(std::int64_t time_ms) {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(time_ms / hour_ms, 0, UINT32_MAX - 1));
}

std::uint32_t hour_at_or_after(std::int64_t time_ms) {
    return hour_at_or_before(time_ms) + (time_ms > 0 && time_ms % hour_ms != 0 ? 1 : 0);
}

/// Both are counts of what was clicked at least: a store may not have been given what this instance
/// counted, be it for as long as a burst lasts.
void take_larger(clicks::ClassTotals& own, const clicks::ClassTotals& of_all) {
    for (std::size_t at = 0; at < own.by_class.size(); ++at) {
        own.by_class[at] = std::max(own.by_class[at], of_all.by_class[at]);
    }
}

EventRow to_row(const clicks::EventCount& count, Granularity granularity) {
    EventRow row;
    row.type = count.type;
    row.hour_ms = granularity == Granularity::hour ? count.hour * hour_ms : 0;
    row.count = count.count;
    row.amounts = count.amounts;
    if (count.amounts > 0) {
        row.sum = {count.sum_units, count.sum_micros};
        row.min = {0, count.min_micros};
        row.max = {0, count.max_micros};
        row.average = clicks::average_of(row.sum, count.amounts);
    }
    return row;
}

}  // namespace

Result<LinkStats> ClickAnalytics::link_stats(std::uint64_t link_id, std::int64_t now_ms,
                                             std::uint32_t hours_max) {
    const auto totals = counting_.link_totals(link_id);
    if (!totals) return totals.error();
    const std::uint32_t until = hour_at_or_before(now_ms) + 1;
    const std::uint32_t since = until - std::min(until, hours_max);
    const auto hours = counting_.link_hours(link_id, since, until);
    if (!hours) return hours.error();

    LinkStats stats;
    stats.by_class = *totals;
    for (SharedTotals* const shared : shared_) {
        const auto of_all = shared->link_totals(link_id);
        if (!of_all) continue;
        take_larger(stats.by_class, *of_all);
        stats.of_all_instances = true;
        break;
    }
    stats.clicks = stats.by_class.sum();
    for (const auto& hour : *hours) {
        stats.hours.push_back({hour.hour * hour_ms, hour.clicks.sum(), hour.clicks});
    }
    stats.counts_visitors = visitors_ != nullptr;
    if (visitors_ != nullptr) {
        auto visitors = visitors_->visitors(link_id, days_until(now_ms, days_of_visitors));
        if (visitors) stats.visitors = std::move(*visitors);
    }
    return stats;
}

Result<std::vector<EventRow>> ClickAnalytics::events(const EventQuery& query) {
    auto counts = counting_.event_hours(query.type, hour_at_or_before(query.since_ms),
                                        hour_at_or_after(query.until_ms));
    if (!counts) return counts.error();
    if (query.granularity == Granularity::total) {
        std::map<std::string, clicks::EventCount> by_type;
        for (auto& count : *counts) {
            auto [at, fresh] = by_type.try_emplace(count.type, count);
            if (!fresh) clicks::add_event_count(at->second, count);
        }
        counts->clear();
        for (auto& [type, count] : by_type) counts->push_back(std::move(count));
    }
    std::vector<EventRow> rows;
    rows.reserve(counts->size());
    for (const auto& count : *counts) rows.push_back(to_row(count, query.granularity));
    return rows;
}

}  // namespace qck::analytics
