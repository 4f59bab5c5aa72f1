#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace qck::scenario::limits {

/// What a plan may hold; scenarios/schema.json restates what JSON Schema can express of it, and a
/// test holds the two together.
inline constexpr std::size_t phases_max = 100;
inline constexpr std::size_t requests_max = 100;
inline constexpr std::size_t headers_max = 50;
inline constexpr std::size_t path_bytes_max = 4096;
inline constexpr std::size_t body_bytes_max = 64 * 1024;
inline constexpr std::size_t expect_max = 20;
/// Of final answers (RFC 9110 section 15): an interim one (1xx) ends no request.
inline constexpr std::uint16_t status_min = 200;
inline constexpr std::uint16_t status_max = 599;

/// Of one phase and of all together.
inline constexpr std::chrono::nanoseconds duration_max = std::chrono::hours(7 * 24);
inline constexpr std::string_view duration_max_text = "7d";

/// Latencies are recorded up to an hour, so nothing is waited for longer.
inline constexpr std::chrono::nanoseconds timeout_max = std::chrono::hours(1);

/// Rates, per second: one request a nanosecond.
inline constexpr double rate_max = 1e9;
/// Of one user, and of users coming; so that times between them are numbers.
inline constexpr double user_rate_min = 1e-6;
/// Requests of a whole run: what a counter shown with commas can still tell a person.
inline constexpr double total_requests_max = 1e12;

inline constexpr std::uint32_t connections_max = 1'000'000;
inline constexpr std::uint32_t pipeline_max = 1024;
inline constexpr std::uint32_t threads_max = 1024;  ///< of one generator
inline constexpr std::uint32_t tail_count_max = 100'000'000;

}  // namespace qck::scenario::limits
