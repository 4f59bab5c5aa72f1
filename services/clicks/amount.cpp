#include "services/clicks/amount.hpp"

#include <cstdlib>

namespace qck::clicks {
namespace {

/// Digits beyond this cannot be part of an amount within bounds, and would overflow.
constexpr std::int64_t mantissa_max = amount_micros_max * 9;
constexpr int places_max = 6;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A JSON number taken apart: `mantissa` times ten to the power of -`places`.
struct Decimal {
    bool well_formed = false;
    bool too_large = false;
    bool too_fine = false;
    bool negative = false;
    std::int64_t mantissa = 0;
    int places = 0;
};

/// Adds the digits of one part; zeros at the end of a fraction cost nothing, so that
/// `1.0000000000` is as good as `1`.
const char* take_digits(const char* at, const char* end, bool fraction, Decimal& out) {
    int zeros = 0;
    for (; at != end && is_digit(*at); ++at) {
        if (fraction && *at == '0') {
            ++zeros;
            continue;
        }
        for (; zeros > 0; --zeros, ++out.places) {
            if (out.mantissa > mantissa_max / 10) out.too_fine = true;
            if (!out.too_fine) out.mantissa *= 10;
        }
        if (out.mantissa > mantissa_max / 10) (fraction ? out.too_fine : out.too_large) = true;
        if (out.too_fine || out.too_large) continue;
        out.mantissa = out.mantissa * 10 + (*at - '0');
        if (fraction) ++out.places;
    }
    return at;
}

const char* take_exponent(const char* at, const char* end, Decimal& out) {
    ++at;
    const bool down = at != end && *at == '-';
    if (at != end && (*at == '-' || *at == '+')) ++at;
    const char* const first = at;
    int exponent = 0;
    for (; at != end && is_digit(*at); ++at) {
        if (exponent < 10'000) exponent = exponent * 10 + (*at - '0');
    }
    if (at == first) return nullptr;
    out.places += down ? exponent : -exponent;
    return at;
}

Decimal take_apart(std::string_view number) {
    Decimal out;
    const char* at = number.data();
    const char* const end = at + number.size();
    if (at != end && *at == '-') {
        out.negative = true;
        ++at;
    }
    if (at == end || !is_digit(*at) || (*at == '0' && at + 1 != end && is_digit(at[1]))) return out;
    at = take_digits(at, end, false, out);
    if (at != end && *at == '.') {
        const char* const first = ++at;
        at = take_digits(at, end, true, out);
        if (at == first) return out;
    }
    if (at != end && (*at == 'e' || *at == 'E')) at = take_exponent(at, end, out);
    out.well_formed = at == end;
    return out;
}

Error refused(std::string_view number, const char* why) {
    return error(Errc::invalid_argument,
                 "\"" + std::string(number.substr(0, 40)) + "\" is not an amount: " + why);
}

}  // namespace

Result<std::int64_t> parse_amount(std::string_view number) {
    Decimal decimal = take_apart(number);
    if (!decimal.well_formed) return refused(number, "expected a number such as 19.99");
    if (decimal.mantissa == 0 && !decimal.too_large && !decimal.too_fine) return 0;
    if (decimal.too_large) return refused(number, "expected at most 1,000,000,000 either way");
    for (; decimal.places < places_max; ++decimal.places) {
        if (decimal.mantissa > amount_micros_max) break;
        decimal.mantissa *= 10;
    }
    for (; decimal.places > places_max && decimal.mantissa % 10 == 0; --decimal.places) {
        decimal.mantissa /= 10;
    }
    if (decimal.too_fine || decimal.places > places_max) {
        return refused(number, "expected at most 6 decimal places");
    }
    if (decimal.places < places_max || decimal.mantissa > amount_micros_max) {
        return refused(number, "expected at most 1,000,000,000 either way");
    }
    return decimal.negative ? -decimal.mantissa : decimal.mantissa;
}

std::string format_amount(Amount amount) {
    std::int64_t units = amount.units + amount.micros / micros_per_unit;
    std::int64_t micros = amount.micros % micros_per_unit;
    if (units > 0 && micros < 0) {
        --units;
        micros += micros_per_unit;
    } else if (units < 0 && micros > 0) {
        ++units;
        micros -= micros_per_unit;
    }
    std::string text = units < 0 || micros < 0 ? "-" : "";
    text += std::to_string(units < 0 ? -units : units);
    if (micros == 0) return text;
    std::string places = std::to_string(std::abs(micros) + micros_per_unit);
    places[0] = '.';
    text += places;
    return text.substr(0, text.find_last_not_of('0') + 1);
}

Amount average_of(Amount sum, std::uint64_t count) {
    __extension__ using Wide = __int128;
    const Wide micros = static_cast<Wide>(sum.units) * micros_per_unit + sum.micros;
    const auto half = static_cast<Wide>(count / 2);
    const Wide average = (micros + (micros < 0 ? -half : half)) / static_cast<Wide>(count);
    return {static_cast<std::int64_t>(average / micros_per_unit),
            static_cast<std::int64_t>(average % micros_per_unit)};
}

}  // namespace qck::clicks
