#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck {

/// Requests per second from `10M`, `250k`, `1.5k` or `100`; above 0 and at most 1e12.
/// Errors read "'10MM' is not a rate (try 10M, 250k or 1500)".
Result<double> parse_rate(std::string_view text);

/// A time span from `250us`, `500ms`, `10s`, `1.5m`, `2h` or `1d`; at least 0 and at most 10 years.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// A size in bytes from `512`, `64KB`, `8MB`, `1.5GB` (powers of 1024); at most 2^62.
Result<std::uint64_t> parse_bytes(std::string_view text);

/// `156.2k`, `10M`, `15.6`: four significant digits at most.
std::string format_rate(double per_second);
/// `250,156`.
std::string format_count(std::uint64_t count);
/// `41 µs`, `0.48 ms`, `1.5 s`, `2m30s`.
std::string format_duration(std::chrono::nanoseconds span);
/// `31 MB`, `1.9 GB`.
std::string format_bytes(std::uint64_t bytes);

}  // namespace qck
