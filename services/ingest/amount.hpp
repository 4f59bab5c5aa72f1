#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::ingest {

/// Amounts are whole millionths of a unit, so sums are exact.
inline constexpr std::int64_t micros_per_unit = 1'000'000;
/// At most a thousand million units, either sign.
inline constexpr std::int64_t amount_micros_max = 1'000'000'000 * micros_per_unit;

/// Millionths from a JSON number such as `12`, `-0.5`, `19.990000` or `1.5e3` (RFC 8259 section 6).
/// More than six places that are not zero are refused: they would have to be rounded. No allocation
/// but for an error.
Result<std::int64_t> parse_amount(std::string_view number);

/// `units` and `micros` (any size, same or other sign) as a JSON number with no trailing zeros:
/// `19.99`, `-0.5`, `12`.
std::string format_amount(std::int64_t units, std::int64_t micros);

}  // namespace qck::ingest
