#pragma once

#include <cstdint>
#include <optional>

#include "loadgen/scenario/plan.hpp"
#include "loadgen/schedule/rate_curve.hpp"
#include "loadgen/schedule/stripe.hpp"
#include "loadgen/schedule/user_schedule.hpp"

namespace qck::schedule {

/// How many requests of a plan are due by when, whoever makes them: those of its rates, or those of
/// its users.
///
/// A place is a point of the run at which requests may change hands, as it stands in a Stripe: of a
/// plan with rates the index of a request, of one with users a time, in ns from the start. Either
/// way what is before it is due before what is not.
///
/// Immutable; thread-safe.
class Timetable {
public:
    /// In a closed loop nothing is ever due, and there are no users. `plan` need not outlive it.
    Timetable(const scenario::Plan& plan, bool closed_loop);

    /// Of users it has the phases and, roughly, the rates.
    const RateCurve& curve() const { return curve_; }
    /// Null when there are none.
    const UserTable* users() const { return users_ ? &*users_ : nullptr; }

    /// The place from which everything is after the end.
    std::uint64_t end() const;
    /// The place of a phase's first request; of phase_count() it is end().
    std::uint64_t begin_of(std::size_t phase) const;
    /// The place from which requests are due at `at_ns` or later (uniform arrivals).
    std::uint64_t place_at(std::int64_t at_ns) const;
    /// Requests of a phase.
    std::uint64_t count_of(std::size_t phase) const;
    /// Requests of a stripe from its first place on and before `place`.
    std::uint64_t count_before(const Stripe& stripe, std::uint64_t place) const;

private:
    RateCurve curve_;
    std::optional<UserTable> users_;
};

}  // namespace qck::schedule
