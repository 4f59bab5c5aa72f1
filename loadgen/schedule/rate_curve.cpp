#include "loadgen/schedule/rate_curve.hpp"

#include <algorithm>
#include <cmath>

namespace qck::schedule {
namespace {

/// Double arithmetic puts a due time that is a whole nanosecond a hair above or below it; this much
/// is taken for the whole.
constexpr double rounding_ns = 1e-3;

/// Sums of areas closer than this to a whole number of requests are that number.
long double snapped(long double area) {
    const long double whole = std::round(area);
    const long double tolerance = std::max(1e-6L, area * 1e-15L);
    return std::fabs(area - whole) <= tolerance ? whole : area;
}

}  // namespace

RateCurve::Piece RateCurve::make_piece(const scenario::Phase& phase, std::int64_t start_ns) {
    Piece piece;
    const auto length = static_cast<double>(phase.duration.count());
    const double from = std::max(phase.rate_from_per_s, 0.0) / 1e9;
    const double to =
        phase.shape == scenario::Shape::constant ? from : std::max(phase.rate_to_per_s, 0.0) / 1e9;
    piece.start_ns = start_ns;
    piece.end_ns = start_ns + phase.duration.count();
    piece.rate_from_per_ns = from;
    piece.rate_to_per_ns = to;
    piece.shape = from == to ? scenario::Shape::constant : phase.shape;
    // An exponential never reaches or leaves zero; a straight line stands in for it.
    if (piece.shape == scenario::Shape::decay && (from == 0 || to == 0)) {
        piece.shape = scenario::Shape::ramp;
    }
    switch (piece.shape) {
        case scenario::Shape::constant:
            piece.area = phase.rate_from_per_s * (length / 1e9);
            piece.ns_per_request = from > 0 ? 1e9 / phase.rate_from_per_s : 0;
            break;
        case scenario::Shape::ramp:
            piece.area = (from + to) / 2 * length;
            piece.slope = (to - from) / length;
            break;
        case scenario::Shape::decay:
            piece.decay_per_ns = std::log(from / to) / length;
            piece.area = (from - to) / piece.decay_per_ns;
            break;
    }
    return piece;
}

RateCurve::RateCurve(std::span<const scenario::Phase> phases) {
    long double area_so_far = 0;
    for (const scenario::Phase& phase : phases) {
        Piece piece = make_piece(phase, duration_ns_);
        const long double begin = area_so_far;
        piece.first = static_cast<std::uint64_t>(std::ceil(begin));
        piece.first_area = static_cast<double>(static_cast<long double>(piece.first) - begin);
        area_so_far = snapped(begin + static_cast<long double>(piece.area));
        piece.area = static_cast<double>(area_so_far - begin);
        duration_ns_ = piece.end_ns;
        pieces_.push_back(piece);
    }
    total_ = static_cast<std::uint64_t>(std::ceil(area_so_far));
}

std::uint64_t RateCurve::first_of(std::size_t phase) const {
    return phase < pieces_.size() ? pieces_[phase].first : total_;
}

std::size_t RateCurve::phase_of(std::uint64_t n) const {
    const auto after = std::upper_bound(
        pieces_.begin(), pieces_.end(), n,
        [](std::uint64_t index, const Piece& piece) { return index < piece.first; });
    return static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

std::int64_t RateCurve::Piece::due_at(double area_in_phase) const {
    double ns = 0;
    switch (shape) {
        case scenario::Shape::constant:
            ns = area_in_phase * ns_per_request;
            break;
        case scenario::Shape::ramp: {
            // The root of slope/2 t² + from t = area, in the form that does not cancel.
            const double square = rate_from_per_ns * rate_from_per_ns + 2 * slope * area_in_phase;
            const double divisor = rate_from_per_ns + std::sqrt(std::max(square, 0.0));
            ns = divisor > 0 ? 2 * area_in_phase / divisor : 0;
            break;
        }
        case scenario::Shape::decay:
            ns = -std::log1p(-area_in_phase * decay_per_ns / rate_from_per_ns) / decay_per_ns;
            break;
    }
    const auto whole = static_cast<std::int64_t>(ns);
    const std::int64_t up = whole + (ns - static_cast<double>(whole) > rounding_ns ? 1 : 0);
    return std::min(start_ns + up, end_ns);
}

double RateCurve::Piece::area_at(double ns_in_phase) const {
    switch (shape) {
        case scenario::Shape::constant:
            return ns_in_phase * rate_from_per_ns;
        case scenario::Shape::ramp:
            return ns_in_phase * (rate_from_per_ns + slope * ns_in_phase / 2);
        case scenario::Shape::decay:
            return -std::expm1(-decay_per_ns * ns_in_phase) * rate_from_per_ns / decay_per_ns;
    }
    return 0;
}

std::size_t RateCurve::phase_at(std::int64_t at_ns) const {
    const auto after =
        std::upper_bound(pieces_.begin(), pieces_.end(), at_ns,
                         [](std::int64_t at, const Piece& piece) { return at < piece.start_ns; });
    return after == pieces_.begin() ? 0 : static_cast<std::size_t>(after - pieces_.begin()) - 1;
}

std::uint64_t RateCurve::due_by(std::int64_t at_ns) const {
    if (pieces_.empty() || at_ns < 0) return 0;
    if (at_ns >= duration_ns_) return total_;
    const std::size_t phase = phase_at(at_ns);
    const Piece& piece = pieces_[phase];
    const std::uint64_t end = first_of(phase + 1);
    const double area = piece.area_at(static_cast<double>(at_ns - piece.start_ns));
    const double guess = std::max(std::floor(area - piece.first_area) + 1, 0.0);
    std::uint64_t n = std::min(piece.first + static_cast<std::uint64_t>(guess), end);
    while (n < end && due_ns(phase, n) <= at_ns) ++n;
    while (n > piece.first && due_ns(phase, n - 1) > at_ns) --n;
    return n;
}

double RateCurve::rate_at(std::int64_t at_ns) const {
    if (pieces_.empty() || at_ns < 0 || at_ns >= duration_ns_) return 0;
    const Piece& piece = pieces_[phase_at(at_ns)];
    const auto ns = static_cast<double>(at_ns - piece.start_ns);
    switch (piece.shape) {
        case scenario::Shape::constant:
            return piece.rate_from_per_ns * 1e9;
        case scenario::Shape::ramp:
            return (piece.rate_from_per_ns + piece.slope * ns) * 1e9;
        case scenario::Shape::decay:
            return piece.rate_from_per_ns * std::exp(-piece.decay_per_ns * ns) * 1e9;
    }
    return 0;
}

}  // namespace qck::schedule
