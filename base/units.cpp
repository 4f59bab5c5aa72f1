#include "base/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

namespace qck {
namespace {

struct Unit {
    std::string_view suffix;
    double factor;
};

/// The plain decimal number (no sign, no exponent) that `text` begins with; what follows it is left
/// in `text`.
std::optional<double> take_number(std::string_view& text) {
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    double value = 0;
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (failure != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

template <std::size_t N>
std::optional<double> parse_with_units(std::string_view text, const std::array<Unit, N>& units) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    for (const Unit& unit : units) {
        if (text == unit.suffix) return *number * unit.factor;
    }
    return std::nullopt;
}

Error not_a(std::string_view text, std::string_view expected) {
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not " + std::string(expected));
}

std::string printed(const char* format, double value, const char* suffix) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, value, suffix);
    return buffer.data();
}

/// At most four significant digits, without trailing zeros.
std::string short_number(double value) { return printed("%.4g%s", value, ""); }

}  // namespace

Result<double> parse_rate(std::string_view text) {
    static constexpr std::array<Unit, 5> units{
        {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}}};
    const auto value = parse_with_units(text, units);
    if (!value || !(*value > 0)) return not_a(text, "a rate (try 10M, 250k or 1500)");
    if (*value > 1e9) return not_a(text, "a rate up to 1G/s");
    return *value;
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    static constexpr std::array<Unit, 7> units{{{"ns", 1},
                                                {"us", 1e3},
                                                {"ms", 1e6},
                                                {"s", 1e9},
                                                {"m", 60e9},
                                                {"h", 3600e9},
                                                {"d", 86400e9}}};
    static constexpr double ten_years_ns = 3650 * 86400e9;
    const auto value = parse_with_units(text, units);
    if (!value || *value > ten_years_ns) return not_a(text, "a time (try 500ms, 10s or 5m)");
    return std::chrono::nanoseconds(std::llround(*value));
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
    static constexpr double kib = 1024;
    static constexpr std::array<Unit, 9> units{{{"", 1},
                                                {"B", 1},
                                                {"K", kib},
                                                {"KB", kib},
                                                {"M", kib * kib},
                                                {"MB", kib * kib},
                                                {"G", kib * kib * kib},
                                                {"GB", kib * kib * kib},
                                                {"TB", kib * kib * kib * kib}}};
    const auto value = parse_with_units(text, units);
    if (!value || *value > 0x1p62) return not_a(text, "a size (try 64MB or 8GB)");
    return static_cast<std::uint64_t>(*value);
}

std::string format_rate(double per_second) {
    if (per_second >= 1e9) return short_number(per_second / 1e9) + "G";
    if (per_second >= 1e6) return short_number(per_second / 1e6) + "M";
    if (per_second >= 1e3) return short_number(per_second / 1e3) + "k";
    return short_number(per_second);
}

std::string format_count(std::uint64_t count) {
    std::string text = std::to_string(count);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
        text.insert(static_cast<std::size_t>(at), 1, ',');
    }
    return text;
}

std::string format_duration(std::chrono::nanoseconds span) {
    const auto ns = static_cast<double>(span.count());
    if (ns < 1e5) return printed("%.3g%s", ns / 1e3, " µs");
    // What would be rounded to a thousand of them is a second.
    if (ns < 999.5e6) return printed("%.3g%s", ns / 1e6, " ms");
    if (ns < 60e9) return printed("%.3g%s", ns / 1e9, " s");
    const auto seconds = static_cast<long long>(std::llround(ns / 1e9));
    std::string text;
    if (seconds >= 3600) text = std::to_string(seconds / 3600) + "h";
    if (seconds % 3600 >= 60) text += std::to_string(seconds % 3600 / 60) + "m";
    if (seconds % 60 != 0) text += std::to_string(seconds % 60) + "s";
    return text;
}

std::string format_bytes(std::uint64_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (value >= 0x1p30) return printed("%.3g%s", value / 0x1p30, " GB");
    if (value >= 0x1p20) return printed("%.3g%s", value / 0x1p20, " MB");
    if (value >= 0x1p10) return printed("%.3g%s", value / 0x1p10, " KB");
    return std::to_string(bytes) + " B";
}

}  // namespace qck
