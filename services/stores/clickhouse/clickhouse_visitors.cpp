#include "services/stores/clickhouse/clickhouse_visitors.hpp"

#include <charconv>

#include "base/circuit_log.hpp"
#include "base/clock.hpp"
#include "services/stores/clickhouse/event_queries.hpp"

namespace qck::clickhouse {
namespace {

Error unreadable() { return error(Errc::unavailable, "ClickHouse gave no table of visitors"); }

/// Lines of `day TAB visitors`; an empty one; the same of all with 0 for the day.
Result<analytics::Visitors> read_visitors(std::string_view text) {
    analytics::Visitors visitors;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty()) continue;
        analytics::Visitors::Day day;
        const char* const last = line.data() + line.size();
        const auto named = std::from_chars(line.data(), last, day.yyyymmdd);
        if (named.ec != std::errc{} || named.ptr == last || *named.ptr != '\t') return unreadable();
        const auto counted = std::from_chars(named.ptr + 1, last, day.visitors);
        if (counted.ec != std::errc{} || counted.ptr != last) return unreadable();
        if (day.yyyymmdd == 0) {
            visitors.visitors = day.visitors;
        } else {
            visitors.days.push_back(day);
        }
    }
    return visitors;
}

}  // namespace

Result<analytics::Visitors> ClickhouseVisitors::visitors(std::uint64_t link_id,
                                                         const std::vector<std::uint32_t>& days) {
    if (days.empty()) return analytics::Visitors{};
    const std::unique_lock lock(mutex_, std::chrono::seconds(1));
    if (!lock.owns_lock()) return error(Errc::timed_out, "ClickHouse is busy with other questions");
    if (!breaker_.allows(monotonic_ns())) {
        return error(Errc::unavailable, "ClickHouse is left alone for a while");
    }
    constexpr CircuitUse uniques{"clickhouse", "uniques"};
    const auto answer = client_.query(visitors_question(link_id, days.front(), days.back()));
    if (!answer) {
        failed(breaker_, monotonic_ns(), uniques, answer.error());
        return answer.error();
    }
    succeeded(breaker_, uniques);
    auto visitors = read_visitors(*answer);
    if (!visitors) return visitors;
    visitors->standard_error = 0.0055;
    visitors->of = "clickhouse";
    return visitors;
}

}  // namespace qck::clickhouse
