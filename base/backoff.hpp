#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/random.hpp"

namespace qck {

/// Pauses between tries that fail: each twice the last up to a bound, and of each a random part
/// between half and the whole, so that many callers do not come back together (Brooker,
/// "Exponential Backoff and Jitter", 2015: equal jitter). Not thread-safe.
class Backoff {
public:
    struct Config {
        std::chrono::milliseconds first{100};
        std::chrono::milliseconds longest{5'000};
    };
    Backoff(const Config& config, std::uint64_t seed) : config_(config), random_(seed) {}

    /// After a failure: how long to wait now.
    std::chrono::nanoseconds next() {
        whole_ = whole_.count() == 0
                     ? std::chrono::nanoseconds(config_.first)
                     : std::min(2 * whole_, std::chrono::nanoseconds(config_.longest));
        const double share = 0.5 + random_.next_share() / 2;
        return std::chrono::nanoseconds(
            static_cast<std::int64_t>(static_cast<double>(whole_.count()) * share));
    }
    void reset() { whole_ = {}; }

private:
    Config config_;
    SplitMix64 random_;
    std::chrono::nanoseconds whole_{0};
};

}  // namespace qck
