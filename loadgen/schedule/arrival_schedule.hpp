#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "loadgen/schedule/rate_curve.hpp"

namespace qck::schedule {

/// One request that is to be made.
struct Arrival {
    std::uint64_t n = 0;      ///< its index in the run; decides everything about it
    std::int64_t due_ns = 0;  ///< from the start of the run
    std::uint32_t phase = 0;
};

/// Worker `w` of `W`'s share of the arrivals: those with n ≡ w (mod W), in order.
///
/// Open loop: due times depend only on the plan, never on how fast the target answers, so a slow
/// target cannot thin out its own load.
///
/// Poisson arrivals are from n alone as well: the requests of a phase are taken in blocks of 1,024,
/// and within a block they are the order statistics of independent uniforms over the block's share
/// of the area under the curve (seeded by seed, phase and block). That is a Poisson process given
/// how many arrivals each block has: gaps are exponential within a block, while sums stay exact.
///
/// Not thread-safe; each worker owns one. The curve outlives it.
class ArrivalSchedule {
public:
    static constexpr std::uint64_t block_arrivals = 1024;

    ArrivalSchedule(const RateCurve& curve, scenario::Arrival arrival, std::uint64_t seed,
                    std::uint32_t worker, std::uint32_t workers);

    /// The next arrival; due times never decrease. Empty once the plan is exhausted, and ever
    /// after.
    std::optional<Arrival> next();

private:
    std::int64_t poisson_due_ns(std::uint64_t n);
    void draw_block(std::uint64_t block);

    const RateCurve* curve_;
    bool poisson_;
    std::uint64_t seed_;
    std::uint64_t stride_;
    std::uint64_t n_;
    std::uint32_t phase_ = 0;
    std::uint64_t phase_end_ = 0;  ///< first request after the current phase
    std::uint64_t block_ = ~std::uint64_t{0};
    std::uint32_t block_phase_ = 0;
    std::array<double, block_arrivals> block_area_{};  ///< within the phase
};

}  // namespace qck::schedule
