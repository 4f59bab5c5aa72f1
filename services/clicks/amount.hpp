#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::clicks {

/// Amounts are whole millionths of a unit, so sums are exact.
inline constexpr std::int64_t micros_per_unit = 1'000'000;
/// At most a thousand million units, either sign.
inline constexpr std::int64_t amount_micros_max = 1'000'000'000 * micros_per_unit;

/// Millionths from a JSON number such as `12`, `-0.5`, `19.990000` or `1.5e3` (RFC 8259 section 6).
/// More than six places that are not zero are refused: they would have to be rounded. No allocation
/// but for an error.
Result<std::int64_t> parse_amount(std::string_view number);

/// An amount or a sum of them, exactly: `units` and millionths, which may be of any size and sign.
struct Amount {
    std::int64_t units = 0;
    std::int64_t micros = 0;
};

/// A JSON number with no trailing zeros: `19.99`, `-0.5`, `12`.
std::string format_amount(Amount amount);

/// A share of a sum, rounded to the millionth, halves away from zero; `count` is not 0.
Amount average_of(Amount sum, std::uint64_t count);

}  // namespace qck::clicks
