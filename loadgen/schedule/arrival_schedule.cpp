#include "loadgen/schedule/arrival_schedule.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace qck::schedule {

ArrivalSchedule::ArrivalSchedule(const RateCurve& curve, scenario::Arrival arrival,
                                 std::uint64_t seed, Stripe stripe)
    : due_(curve, arrival, seed), phase_end_(curve.phase_count() == 0 ? 0 : curve.first_of(1)) {
    stripes_.push_back(std::move(stripe));
}

std::optional<Arrival> ArrivalSchedule::next() {
    Stripe& stripe = stripes_.size() == 1 ? stripes_.front() : lowest();
    const std::uint64_t n = stripe.n();
    while (n >= phase_end_) {
        if (n >= due_.curve().total()) return std::nullopt;
        ++phase_;
        phase_end_ = due_.curve().first_of(phase_ + 1);
    }
    stripe.advance();
    return Arrival{n, due_.due_ns(phase_, n), phase_};
}

Stripe& ArrivalSchedule::lowest() {
    return *std::min_element(stripes_.begin(), stripes_.end(),
                             [](const Stripe& a, const Stripe& b) { return a.n() < b.n(); });
}

std::vector<ArrivalSchedule::Passed> ArrivalSchedule::pass(std::int64_t end_ns) {
    const RateCurve& curve = due_.curve();
    const std::uint64_t end = due_.first_due_at(end_ns);
    std::vector<Passed> passed;
    for (std::uint32_t phase = 0; phase < curve.phase_count(); ++phase) {
        const std::uint64_t first = curve.first_of(phase);
        const std::uint64_t last = std::min(curve.first_of(phase + 1), end);
        if (first >= last) continue;
        std::uint64_t count = 0;
        for (const Stripe& stripe : stripes_) {
            const std::uint64_t from = std::max(stripe.n(), first);
            if (from < last) count += stripe.count_below(last) - stripe.count_below(from);
        }
        if (count > 0) passed.push_back({phase, count});
    }
    for (Stripe& stripe : stripes_) {
        if (stripe.n() < end) stripe = stripe.from(end);
    }
    return passed;
}

void ArrivalSchedule::add(Stripe stripe) {
    const RateCurve& curve = due_.curve();
    if (stripe.n() < curve.first_of(phase_)) {
        phase_ = static_cast<std::uint32_t>(curve.phase_of(stripe.n()));
        phase_end_ = curve.first_of(phase_ + 1);
    }
    stripes_.push_back(std::move(stripe));
}

std::uint64_t DueTimes::first_due_at(std::int64_t at_ns) {
    std::uint64_t low = 0;
    std::uint64_t high = curve_->total();
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const auto phase = static_cast<std::uint32_t>(curve_->phase_of(middle));
        if (due_ns(phase, middle) < at_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

std::int64_t DueTimes::poisson_due_ns(std::uint32_t phase, std::uint64_t n) {
    const std::uint64_t in_phase = n - curve_->first_of(phase);
    const std::uint64_t block = in_phase / block_arrivals;
    if (block != block_ || phase != block_phase_) draw_block(phase, block);
    return curve_->due_at_area_ns(phase, block_area_[in_phase % block_arrivals]);
}

void DueTimes::draw_block(std::uint32_t phase, std::uint64_t block) {
    block_ = block;
    block_phase_ = phase;
    const std::uint64_t phase_count = curve_->count_of(phase);
    const std::uint64_t count = std::min(block_arrivals, phase_count - block * block_arrivals);
    // Shares of the area: the first block begins with its phase, the last one ends with it.
    const double offset = curve_->first_area_of(phase);
    const double begin = block == 0 ? 0 : static_cast<double>(block * block_arrivals) - 1 + offset;
    const bool last = (block + 1) * block_arrivals >= phase_count;
    const double end = last ? curve_->area_of(phase)
                            : static_cast<double>((block + 1) * block_arrivals) - 1 + offset;
    // Order statistics of uniforms without sorting: partial sums of exponential gaps over their
    // total (Devroye 1986, chapter V.3).
    SplitMix64 random(mix64(seed_ ^ mix64(phase + 1)) + mix64(block));
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
