#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loadgen/scenario/plan.hpp"

namespace qck::schedule {

/// When each request of a plan is due, in closed form.
///
/// Request n (from 0) is due as soon as the area under the rate curve has reached n. So the number
/// of requests of a run is the area of all its phases, rounded up, and a phase has those that come
/// due in it: nothing is lost or doubled where one phase becomes the next, and since a due time is
/// computed from n alone, rounding does not add up. Areas within a millionth of a whole number are
/// that number. Due times are rounded up to the next nanosecond, so no request is early.
///
/// Immutable; thread-safe.
class RateCurve {
public:
    explicit RateCurve(std::span<const scenario::Phase> phases);

    /// Requests of the whole plan.
    std::uint64_t total() const { return total_; }
    std::int64_t duration_ns() const { return duration_ns_; }
    std::size_t phase_count() const { return pieces_.size(); }

    /// The phase that request n < total() belongs to.
    std::size_t phase_of(std::uint64_t n) const;
    /// The first request of a phase; first_of(phase_count()) is total().
    std::uint64_t first_of(std::size_t phase) const;
    std::uint64_t count_of(std::size_t phase) const {
        return first_of(phase + 1) - first_of(phase);
    }
    std::int64_t start_of_ns(std::size_t phase) const { return pieces_[phase].start_ns; }
    std::int64_t end_of_ns(std::size_t phase) const { return pieces_[phase].end_ns; }

    /// From the start of the run; never decreases with n. Needs n < total().
    std::int64_t due_ns(std::uint64_t n) const { return due_ns(phase_of(n), n); }
    /// The same for n of a known phase, without looking for it.
    std::int64_t due_ns(std::size_t phase, std::uint64_t n) const {
        const Piece& piece = pieces_[phase];
        return piece.due_at(static_cast<double>(n - piece.first) + piece.first_area);
    }
    /// When the area within a phase has reached `area`, 0 <= area <= area_of(phase).
    std::int64_t due_at_area_ns(std::size_t phase, double area) const {
        return pieces_[phase].due_at(area);
    }
    double area_of(std::size_t phase) const { return pieces_[phase].area; }
    /// The area within its phase at which the first request of it is due, 0 <= x < 1.
    double first_area_of(std::size_t phase) const { return pieces_[phase].first_area; }

    /// How many requests are due at or before `at_ns` (uniform arrivals).
    std::uint64_t due_by(std::int64_t at_ns) const;
    /// The rate at a time, per second; 0 outside the run.
    double rate_at(std::int64_t at_ns) const;
    /// The phase that a time lies in; the last one from its end on.
    std::size_t phase_at(std::int64_t at_ns) const;

private:
    struct Piece {
        scenario::Shape shape = scenario::Shape::constant;
        std::int64_t start_ns = 0;
        std::int64_t end_ns = 0;
        std::uint64_t first = 0;  ///< index of its first request
        double first_area = 0;
        double area = 0;
        double ns_per_request = 0;  ///< constant
        double rate_from_per_ns = 0;
        double rate_to_per_ns = 0;
        double slope = 0;         ///< ramp: change of the rate, per ns²
        double decay_per_ns = 0;  ///< decay

        std::int64_t due_at(double area_in_phase) const;
        double area_at(double ns_in_phase) const;
    };

    static Piece make_piece(const scenario::Phase& phase, std::int64_t start_ns);

    std::vector<Piece> pieces_;
    std::uint64_t total_ = 0;
    std::int64_t duration_ns_ = 0;
};

}  // namespace qck::schedule
