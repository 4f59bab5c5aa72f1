#pragma once

#include <cstdint>
#include <ctime>

namespace qck {

inline constexpr std::int64_t second_ns = 1'000'000'000;

/// Nanoseconds of CLOCK_MONOTONIC: for spans and deadlines. Thread-safe.
inline std::int64_t monotonic_ns() noexcept {
    timespec at{};
    ::clock_gettime(CLOCK_MONOTONIC, &at);
    return static_cast<std::int64_t>(at.tv_sec) * second_ns + at.tv_nsec;
}

/// Nanoseconds since 1970 (UTC): for what is stored or shown. May step. Thread-safe.
inline std::int64_t wall_ns() noexcept {
    timespec at{};
    ::clock_gettime(CLOCK_REALTIME, &at);
    return static_cast<std::int64_t>(at.tv_sec) * second_ns + at.tv_nsec;
}

/// The same in milliseconds, rounded down.
inline std::int64_t wall_ms() noexcept { return wall_ns() / 1'000'000; }

}  // namespace qck
