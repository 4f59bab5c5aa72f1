#include "loadgen/schedule/stripe.hpp"

#include <algorithm>
#include <numeric>

namespace qck::schedule {
namespace {

/// Numbers below `end` that leave the rest `lane`.
std::uint64_t in_lane_below(std::uint64_t end, std::uint32_t lane, std::uint32_t period) {
    return end / period + (end % period > lane ? 1 : 0);
}

}  // namespace

Stripe::Stripe(std::vector<std::uint32_t> lanes, std::uint32_t period, std::uint64_t first)
    : lanes_(std::move(lanes)), period_(period), first_(first) {
    if (lanes_.empty()) return;
    for (std::size_t at = 0; at < lanes_.size(); ++at) {
        const bool last = at + 1 == lanes_.size();
        gaps_.push_back(last ? period_ - lanes_[at] + lanes_[0] : lanes_[at + 1] - lanes_[at]);
    }
    const auto from = std::lower_bound(lanes_.begin(), lanes_.end(), first % period_);
    const bool wraps = from == lanes_.end();
    at_ = wraps ? 0 : static_cast<std::size_t>(from - lanes_.begin());
    n_ = first / period_ * period_ + (wraps ? period_ : 0) + lanes_[at_];
}

std::uint64_t Stripe::count_below(std::uint64_t end) const {
    if (end <= first_) return 0;
    std::uint64_t count = 0;
    for (const std::uint32_t lane : lanes_) {
        count += in_lane_below(end, lane, period_) - in_lane_below(first_, lane, period_);
    }
    return count;
}

Stripe Stripe::part(std::uint32_t part, std::uint32_t parts) const {
    std::vector<std::uint32_t> lanes;
    for (std::size_t at = part; at < lanes_.size(); at += parts) lanes.push_back(lanes_[at]);
    return {std::move(lanes), period_, first_};
}

Stripe Stripe::from(std::uint64_t first) const {
    return {lanes_, period_, std::max(first, first_)};
}

std::vector<std::vector<std::uint32_t>> share_lanes(const std::vector<std::uint32_t>& lanes,
                                                    const std::vector<double>& weights) {
    std::vector<std::vector<std::uint32_t>> shares(weights.size());
    if (weights.empty()) return shares;
    double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    const bool equal = !(sum > 0);
    if (equal) sum = static_cast<double>(weights.size());
    std::vector<double> credit(weights.size());
    for (const std::uint32_t lane : lanes) {
        std::size_t richest = weights.size();
        for (std::size_t who = 0; who < weights.size(); ++who) {
            const double weight = equal ? 1 : weights[who];
            if (!(weight > 0)) continue;
            credit[who] += weight;
            if (richest == weights.size() || credit[who] > credit[richest]) richest = who;
        }
        credit[richest] -= sum;
        shares[richest].push_back(lane);
    }
    return shares;
}

std::vector<std::uint32_t> all_lanes(std::uint32_t period) {
    std::vector<std::uint32_t> lanes(period);
    std::iota(lanes.begin(), lanes.end(), 0U);
    return lanes;
}

}  // namespace qck::schedule
