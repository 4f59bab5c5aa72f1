#include "loadgen/replay/log_time.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

namespace qck::replay {
namespace {

/// Years whose distance 64 bits of nanoseconds can hold.
constexpr int year_min = 1970;
constexpr int year_max = 2200;

/// Takes exactly `digits` digits off the front.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
    if (text.size() < digits) return false;
    for (std::size_t at = 0; at < digits; ++at) {
        if (text[at] < '0' || text[at] > '9') return false;
    }
    std::from_chars(text.data(), text.data() + digits, out);
    text.remove_prefix(digits);
    return true;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

struct Moment {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    int offset_minutes = 0;
    std::int64_t fraction_ns = 0;
    bool whole_second = true;
};

std::optional<LogTime> time_of(const Moment& m) {
    const std::chrono::year_month_day date{std::chrono::year(m.year),
                                           std::chrono::month(static_cast<unsigned>(m.month)),
                                           std::chrono::day(static_cast<unsigned>(m.day))};
    // A leap second is the one after it.
    const bool fits = m.year >= year_min && m.year <= year_max && date.ok() && m.hour < 24 &&
                      m.minute < 60 && m.second <= 60;
    if (!fits) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t seconds =
        ((days * 24 + m.hour) * 60 + m.minute - m.offset_minutes) * 60 + m.second;
    return LogTime{seconds * second_ns + m.fraction_ns, m.whole_second};
}

/// `+01:00` or `+0100`.
bool take_offset(std::string_view& text, int& minutes) {
    const bool negative = text.starts_with('-');
    int hours = 0;
    int rest = 0;
    if (!take(text, "+-") || !take_number(text, 2, hours)) return false;
    take(text, ":");
    if (!take_number(text, 2, rest) || hours > 14 || rest > 59) return false;
    minutes = (hours * 60 + rest) * (negative ? -1 : 1);
    return true;
}

bool take_clock(std::string_view& text, Moment& m) {
    return take_number(text, 2, m.hour) && take(text, ":") && take_number(text, 2, m.minute) &&
           take(text, ":") && take_number(text, 2, m.second);
}

void take_fraction(std::string_view& text, Moment& m) {
    if (!take(text, ".,")) return;
    m.whole_second = false;
    std::int64_t unit = second_ns / 10;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        m.fraction_ns += (text.front() - '0') * unit;
        unit /= 10;
        text.remove_prefix(1);
    }
}

}  // namespace

std::optional<LogTime> common_log_time(std::string_view text) {
    static constexpr std::array<std::string_view, 12> months{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    Moment m;
    if (!take_number(text, 2, m.day) || !take(text, "/")) return std::nullopt;
    for (std::size_t at = 0; at < months.size(); ++at) {
        if (text.starts_with(months[at])) m.month = static_cast<int>(at) + 1;
    }
    if (m.month == 0) return std::nullopt;
    text.remove_prefix(3);
    if (!take(text, "/") || !take_number(text, 4, m.year) || !take(text, ":") ||
        !take_clock(text, m)) {
        return std::nullopt;
    }
    take_fraction(text, m);
    if (!take(text, " ") || !take_offset(text, m.offset_minutes) || !text.empty()) {
        return std::nullopt;
    }
    return time_of(m);
}

std::optional<LogTime> iso_time(std::string_view text) {
    Moment m;
    if (!take_number(text, 4, m.year) || !take(text, "-") || !take_number(text, 2, m.month) ||
        !take(text, "-") || !take_number(text, 2, m.day) || !take(text, "T ") ||
        !take_clock(text, m)) {
        return std::nullopt;
    }
    take_fraction(text, m);
    if (!text.empty() && !take(text, "Zz") && !take_offset(text, m.offset_minutes)) {
        return std::nullopt;
    }
    if (!text.empty()) return std::nullopt;
    return time_of(m);
}

std::optional<LogTime> number_time(double number) {
    if (!(number >= 0) || number > 7e18) return std::nullopt;
    std::int64_t unit_ns = second_ns;
    if (number >= 1e11) unit_ns = 1'000'000;
    if (number >= 1e14) unit_ns = 1'000;
    if (number >= 1e17) unit_ns = 1;
    const double whole = std::floor(number);
    // The part of a unit fits as well: the remainder of that division is as large.
    if (static_cast<std::int64_t>(whole) >= std::numeric_limits<std::int64_t>::max() / unit_ns) {
        return std::nullopt;
    }
    // The product of both would have more digits than a double holds.
    const auto part_ns =
        static_cast<std::int64_t>(std::llround((number - whole) * static_cast<double>(unit_ns)));
    return LogTime{static_cast<std::int64_t>(whole) * unit_ns + part_ns,
                   unit_ns == second_ns && number == whole};
}

}  // namespace qck::replay
