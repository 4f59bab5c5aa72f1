#include "loadgen/schedule/timetable.hpp"

#include <algorithm>

namespace qck::schedule {

Timetable::Timetable(const scenario::Plan& plan, bool closed_loop) : curve_(plan.phases) {
    if (plan.users && !closed_loop) users_.emplace(*plan.users, curve_.duration_ns());
}

std::uint64_t Timetable::end() const {
    return users_ ? static_cast<std::uint64_t>(curve_.duration_ns()) : curve_.total();
}

std::uint64_t Timetable::begin_of(std::size_t phase) const {
    if (!users_) return curve_.first_of(phase);
    return phase == curve_.phase_count() ? end()
                                         : static_cast<std::uint64_t>(curve_.start_of_ns(phase));
}

std::uint64_t Timetable::place_at(std::int64_t at_ns) const {
    if (at_ns <= 0) return 0;
    return users_ ? std::min(static_cast<std::uint64_t>(at_ns), end()) : curve_.due_by(at_ns - 1);
}

std::uint64_t Timetable::count_of(std::size_t phase) const {
    if (!users_) return curve_.count_of(phase);
    return users_->due_before(curve_.end_of_ns(phase)) -
           users_->due_before(curve_.start_of_ns(phase));
}

std::uint64_t Timetable::count_before(const Stripe& stripe, std::uint64_t place) const {
    return users_ ? users_->due_before(stripe, static_cast<std::int64_t>(std::min(place, end())))
                  : stripe.count_below(place);
}

}  // namespace qck::schedule
