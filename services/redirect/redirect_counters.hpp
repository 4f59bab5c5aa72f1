#pragma once

#include <array>
#include <cstdint>

#include "base/counter.hpp"
#include "services/clicks/click.hpp"

namespace qck::redirect {

/// Upper bounds of the latency buckets, microseconds; the last bucket is above them all.
inline constexpr std::array<std::uint32_t, 12> latency_bounds_us{
    50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 1'000'000};

/// What the redirect listener of one reactor did. One writer, any reader.
struct RedirectCounters {
    std::array<Counter, clicks::click_class_count> by_class;
    Counter redirects;
    Counter not_found;
    Counter expired;
    Counter unavailable;
    Counter cache_hits;
    Counter cache_misses;
    Counter stale_hits;     ///< served although too old, because nobody could be asked
    Counter cache_entries;  ///< now
    Counter cache_bytes;    ///< now
    Counter cache_pinned;   ///< entries now that are not evicted
    std::array<Counter, latency_bounds_us.size() + 1> latency;
    Counter latency_sum_us;
};

}  // namespace qck::redirect
