#pragma once

#include <cstdint>

namespace qck {

/// A well-mixed 64-bit function of 64 bits (the finalizer of SplitMix64, Steele, Lea and Flood
/// 2014).
constexpr std::uint64_t mix64(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// A sequence of 64-bit numbers that its seed alone decides (SplitMix64). Not for secrets.
class SplitMix64 {
public:
    explicit constexpr SplitMix64(std::uint64_t seed) : state_(seed) {}

    constexpr std::uint64_t next() {
        const std::uint64_t mixed = mix64(state_);
        state_ += 0x9e3779b97f4a7c15;
        return mixed;
    }
    /// 0 <= x < 1.
    constexpr double next_share() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
    std::uint64_t state_;
};

}  // namespace qck
