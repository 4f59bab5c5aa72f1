#include "services/analytics/visitor_counts.hpp"

#include <chrono>

namespace qck::analytics {

std::uint32_t day_of(std::int64_t time_ms) {
    const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(time_ms)};
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return static_cast<std::uint32_t>(static_cast<int>(date.year())) * 10'000 +
           static_cast<unsigned>(date.month()) * 100 + static_cast<unsigned>(date.day());
}

std::vector<std::uint32_t> days_until(std::int64_t time_ms, std::uint32_t count) {
    constexpr std::int64_t day_ms = 86'400'000;
    std::vector<std::uint32_t> days;
    for (std::int64_t back = count; back-- > 0;) days.push_back(day_of(time_ms - back * day_ms));
    return days;
}

}  // namespace qck::analytics
