#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "loadgen/schedule/rate_curve.hpp"
#include "loadgen/schedule/stripe.hpp"

namespace qck::schedule {

/// One request that is to be made.
struct Arrival {
    std::uint64_t n = 0;      ///< its index in the run; decides everything about it
    std::int64_t due_ns = 0;  ///< from the start of the run
    std::uint32_t phase = 0;
};

/// When each request is due, for arrivals that are even or random; from the plan and n alone.
///
/// Poisson arrivals are from n alone as well: the requests of a phase are taken in blocks of 1,024,
/// and within a block they are the order statistics of independent uniforms over the block's share
/// of the area under the curve (seeded by seed, phase and block). That is a Poisson process given
/// how many arrivals each block has: gaps are exponential within a block, while sums stay exact.
///
/// Keeps the block that was asked for last, so that asking in order is cheap. Not thread-safe. The
/// curve outlives it.
class DueTimes {
public:
    static constexpr std::uint64_t block_arrivals = 1024;

    DueTimes(const RateCurve& curve, scenario::Arrival arrival, std::uint64_t seed)
        : curve_(&curve), poisson_(arrival == scenario::Arrival::poisson), seed_(seed) {}

    /// Of a request n of `phase`; never decreases with n.
    std::int64_t due_ns(std::uint32_t phase, std::uint64_t n) {
        return poisson_ ? poisson_due_ns(phase, n) : curve_->due_ns(phase, n);
    }
    /// The first request that is due at `at_ns` or later; the plan's total when there is none.
    std::uint64_t first_due_at(std::int64_t at_ns);

    const RateCurve& curve() const { return *curve_; }

private:
    std::int64_t poisson_due_ns(std::uint32_t phase, std::uint64_t n);
    void draw_block(std::uint32_t phase, std::uint64_t block);

    const RateCurve* curve_;
    bool poisson_;
    std::uint64_t seed_;
    std::uint64_t block_ = ~std::uint64_t{0};
    std::uint32_t block_phase_ = 0;
    std::array<double, block_arrivals> block_area_{};  ///< within the phase
};

/// A stripe's share of the arrivals, in order.
///
/// Open loop: due times depend only on the plan, never on how fast the target answers, so a slow
/// target cannot thin out its own load. Not thread-safe; each worker owns one. The curve outlives
/// it.
class ArrivalSchedule {
public:
    ArrivalSchedule(const RateCurve& curve, scenario::Arrival arrival, std::uint64_t seed,
                    Stripe stripe);
    /// Worker `w` of `W`: n ≡ w (mod W).
    ArrivalSchedule(const RateCurve& curve, scenario::Arrival arrival, std::uint64_t seed,
                    std::uint32_t worker, std::uint32_t workers)
        : ArrivalSchedule(curve, arrival, seed, Stripe::of(worker, workers)) {}

    /// The next arrival; due times never decrease. Empty once the plan is exhausted, and ever
    /// after unless a stripe is added.
    std::optional<Arrival> next();

    /// How many of its next arrivals are of one phase.
    struct Passed {
        std::uint32_t phase = 0;
        std::uint64_t count = 0;
    };
    /// Passes over all that is due before `end_ns`, in a time that does not depend on how much that
    /// is. Gives the phases that had some of it.
    std::vector<Passed> pass(std::int64_t end_ns);

    /// Takes a stripe over that shares no request with those it has. Requests of it that are before
    /// what next() gave last come next, late as they are.
    void add(Stripe stripe);

private:
    Stripe& lowest();

    DueTimes due_;
    std::vector<Stripe> stripes_;
    std::uint32_t phase_ = 0;
    std::uint64_t phase_end_ = 0;  ///< first request after the current phase
};

}  // namespace qck::schedule
