#include "loadgen/schedule/arrival_schedule.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace qck::schedule {

ArrivalSchedule::ArrivalSchedule(const RateCurve& curve, scenario::Arrival arrival,
                                 std::uint64_t seed, std::uint32_t worker, std::uint32_t workers)
    : curve_(&curve),
      poisson_(arrival == scenario::Arrival::poisson),
      seed_(seed),
      stride_(workers),
      n_(worker),
      phase_end_(curve.phase_count() == 0 ? 0 : curve.first_of(1)) {}

std::optional<Arrival> ArrivalSchedule::next() {
    while (n_ >= phase_end_) {
        if (n_ >= curve_->total()) return std::nullopt;
        ++phase_;
        phase_end_ = curve_->first_of(phase_ + 1);
    }
    const std::uint64_t n = n_;
    n_ += stride_;
    return Arrival{n, poisson_ ? poisson_due_ns(n) : curve_->due_ns(phase_, n), phase_};
}

std::int64_t ArrivalSchedule::poisson_due_ns(std::uint64_t n) {
    const std::uint64_t in_phase = n - curve_->first_of(phase_);
    const std::uint64_t block = in_phase / block_arrivals;
    if (block != block_ || phase_ != block_phase_) draw_block(block);
    return curve_->due_at_area_ns(phase_, block_area_[in_phase % block_arrivals]);
}

void ArrivalSchedule::draw_block(std::uint64_t block) {
    block_ = block;
    block_phase_ = phase_;
    const std::uint64_t phase_count = curve_->count_of(phase_);
    const std::uint64_t count = std::min(block_arrivals, phase_count - block * block_arrivals);
    // Shares of the area: the first block begins with its phase, the last one ends with it.
    const double offset = curve_->first_area_of(phase_);
    const double begin = block == 0 ? 0 : static_cast<double>(block * block_arrivals) - 1 + offset;
    const bool last = (block + 1) * block_arrivals >= phase_count;
    const double end = last ? curve_->area_of(phase_)
                            : static_cast<double>((block + 1) * block_arrivals) - 1 + offset;
    // Order statistics of uniforms without sorting: partial sums of exponential gaps over their
    // total (Devroye 1986, chapter V.3).
    SplitMix64 random(mix64(seed_ ^ mix64(phase_ + 1)) + mix64(block));
    double sum = 0;
    for (std::uint64_t at = 0; at < count; ++at) {
        sum -= std::log(1 - random.next_share());
        block_area_[at] = sum;
    }
    sum -= std::log(1 - random.next_share());
    const double scale = (end - begin) / sum;
    for (std::uint64_t at = 0; at < count; ++at) {
        block_area_[at] = std::min(begin + block_area_[at] * scale, end);
    }
}

}  // namespace qck::schedule
