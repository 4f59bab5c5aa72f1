#include "services/links/time_text.hpp"

#include <array>
#include <chrono>

namespace qck::links {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

/// Takes digits and marks off the front of a text; remembers whether all was well.
struct Cursor {
    std::string_view rest;
    bool good = true;

    int digits(std::size_t count) {
        int value = 0;
        if (rest.size() < count) {
            good = false;
            return 0;
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (rest[i] < '0' || rest[i] > '9') good = false;
            value = value * 10 + (rest[i] - '0');
        }
        rest.remove_prefix(count);
        return value;
    }
    bool take_any(std::string_view marks) {
        if (rest.empty() || marks.find(rest[0]) == std::string_view::npos) return false;
        rest.remove_prefix(1);
        return true;
    }
    void expect(std::string_view marks) { good = take_any(marks) && good; }
};

int take_fraction_ms(Cursor& cursor) {
    if (!cursor.take_any(".")) return 0;
    int value = 0;
    int scale = 100;
    std::size_t taken = 0;
    while (taken < cursor.rest.size() && cursor.rest[taken] >= '0' && cursor.rest[taken] <= '9') {
        value += (cursor.rest[taken] - '0') * scale;
        scale /= 10;
        ++taken;
    }
    cursor.good = cursor.good && taken > 0;
    cursor.rest.remove_prefix(taken);
    return value;
}

std::int64_t take_offset_minutes(Cursor& cursor) {
    if (cursor.take_any("Zz")) return 0;
    const bool west = !cursor.rest.empty() && cursor.rest[0] == '-';
    cursor.expect("+-");
    const int hours = cursor.digits(2);
    cursor.expect(":");
    const int minutes = cursor.digits(2);
    cursor.good = cursor.good && hours <= 23 && minutes <= 59;
    const std::int64_t offset = hours * 60 + minutes;
    return west ? -offset : offset;
}

/// Two digits at `at`, or a value no field may have.
int two_digits(const char* at) {
    const auto high = static_cast<unsigned char>(at[0] - '0');
    const auto low = static_cast<unsigned char>(at[1] - '0');
    return high <= 9 && low <= 9 ? high * 10 + low : 100'000;
}

/// The form that programs write, `2026-12-31T23:59:59[.250]Z`, in a fifth of the work; -1 when the
/// text is in another form, or wrong.
std::int64_t parse_plain_utc(std::string_view text) {
    const char* const at = text.data();
    if (text.size() != 20 && text.size() != 24) return -1;
    if (at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':' ||
        text.back() != 'Z') {
        return -1;
    }
    int fraction_ms = 0;
    if (text.size() == 24) {
        const auto hundreds = static_cast<unsigned char>(at[20] - '0');
        fraction_ms = hundreds * 100 + two_digits(at + 21);
        if (at[19] != '.' || hundreds > 9 || fraction_ms > 999) return -1;
    }
    const int y = two_digits(at) * 100 + two_digits(at + 2);
    const int hour = two_digits(at + 11);
    const int minute = two_digits(at + 14);
    const int second = two_digits(at + 17);
    const year_month_day date{year{y}, month{static_cast<unsigned>(two_digits(at + 5))},
                              day{static_cast<unsigned>(two_digits(at + 8))}};
    if (y < 1970 || y > 9999 || !date.ok() || hour > 23 || minute > 59 || second > 59) return -1;
    const std::int64_t seconds = sys_days(date).time_since_epoch().count() * 86'400LL +
                                 hour * 3600LL + minute * 60LL + second;
    return seconds * 1000 + fraction_ms;
}

void put_two_digits(char*& at, unsigned value) {
    *at++ = static_cast<char>('0' + value / 10);
    *at++ = static_cast<char>('0' + value % 10);
}

Error refused(std::string_view text) {
    return error(Errc::invalid_argument, "\"" + std::string(text.substr(0, 40)) +
                                             "\" is not a time (expected RFC 3339, for example "
                                             "2026-12-31T23:59:59Z or 2026-12-31T23:59:59+02:00)");
}

}  // namespace

Result<std::int64_t> parse_time(std::string_view text) {
    if (const auto plain = parse_plain_utc(text); plain >= 0) return plain;
    Cursor cursor{text};
    const int y = cursor.digits(4);
    cursor.expect("-");
    const int m = cursor.digits(2);
    cursor.expect("-");
    const int d = cursor.digits(2);
    cursor.expect("Tt");
    const int hour = cursor.digits(2);
    cursor.expect(":");
    const int minute = cursor.digits(2);
    cursor.expect(":");
    const int second = cursor.digits(2);
    const int fraction_ms = take_fraction_ms(cursor);
    const auto offset = take_offset_minutes(cursor);

    const year_month_day date{year{y}, month{static_cast<unsigned>(m)},
                              day{static_cast<unsigned>(d)}};
    if (!cursor.good || !cursor.rest.empty() || y < 1970 || !date.ok() || hour > 23 ||
        minute > 59 || second > 59) {
        return refused(text);
    }
    const std::int64_t minutes =
        sys_days(date).time_since_epoch().count() * 1440LL + hour * 60 + minute - offset;
    const std::int64_t time_ms = minutes * 60'000 + second * 1000 + fraction_ms;
    if (time_ms < 0) return refused(text);
    return time_ms;
}

void append_time(std::string& text, std::int64_t time_ms) {
    const auto of_day = static_cast<unsigned>(time_ms % 86'400'000);
    const year_month_day date{sys_days{days{time_ms / 86'400'000}}};
    // An offset may bring a time of 9999 into the year after, which is written with five digits.
    std::array<char, 32> written;
    char* at = written.data();
    const auto year_number = static_cast<unsigned>(static_cast<int>(date.year()));
    if (year_number > 9999) *at++ = static_cast<char>('0' + year_number / 10'000);
    put_two_digits(at, year_number / 100 % 100);
    put_two_digits(at, year_number % 100);
    *at++ = '-';
    put_two_digits(at, static_cast<unsigned>(date.month()));
    *at++ = '-';
    put_two_digits(at, static_cast<unsigned>(date.day()));
    *at++ = 'T';
    put_two_digits(at, of_day / 3'600'000);
    *at++ = ':';
    put_two_digits(at, of_day / 60'000 % 60);
    *at++ = ':';
    put_two_digits(at, of_day / 1000 % 60);
    if (const unsigned fraction_ms = of_day % 1000; fraction_ms != 0) {
        *at++ = '.';
        *at++ = static_cast<char>('0' + fraction_ms / 100);
        put_two_digits(at, fraction_ms % 100);
    }
    *at++ = 'Z';
    text.append(written.data(), at);
}

std::string format_time(std::int64_t time_ms) {
    std::string text;
    append_time(text, time_ms);
    return text;
}

}  // namespace qck::links
