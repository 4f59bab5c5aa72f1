#pragma once

#include <chrono>
#include <cstdint>

#include "base/random.hpp"

namespace qck::redis {

/// How long to wait before trying again: exponential with full jitter (Brooker, "Exponential
/// Backoff and Jitter", AWS 2015), so that many clients of a server that comes back do not come in
/// step.
class BackOff {
public:
    BackOff(std::chrono::nanoseconds first, std::chrono::nanoseconds most, std::uint64_t seed)
        : first_(first), most_(most), random_(seed) {}

    /// Between 0 and min(most, first * 2^n) at the n-th call since reset().
    std::chrono::nanoseconds next() {
        auto ceiling = most_;
        if (failures_ < 32 && first_ * (std::int64_t{1} << failures_) < most_) {
            ceiling = first_ * (std::int64_t{1} << failures_);
        }
        ++failures_;
        const double wait = random_.next_share() * static_cast<double>(ceiling.count());
        return std::chrono::nanoseconds(static_cast<std::int64_t>(wait));
    }
    void reset() { failures_ = 0; }

private:
    std::chrono::nanoseconds first_;
    std::chrono::nanoseconds most_;
    SplitMix64 random_;
    unsigned failures_ = 0;
};

}  // namespace qck::redis
