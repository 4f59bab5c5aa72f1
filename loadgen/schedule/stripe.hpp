#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace qck::schedule {

/// Which requests of a run somebody makes: every n >= first whose n mod period is one of its lanes,
/// in order.
///
/// The lanes 0 to period - 1 are shared out once, so that each n is exactly one's, whoever that is;
/// a lane that passes on does so at one n, from which it counts for its new owner (`first`). Not
/// thread-safe.
class Stripe {
public:
    /// `lanes` are below `period`, ascending and without repetition; none at all is a stripe of
    /// nothing.
    Stripe(std::vector<std::uint32_t> lanes, std::uint32_t period, std::uint64_t first = 0);
    /// Worker `w` of `W`: n ≡ w (mod W).
    static Stripe of(std::uint32_t worker, std::uint32_t workers) { return {{worker}, workers}; }

    /// The next request; beyond every plan where there is none.
    std::uint64_t n() const { return n_; }
    /// Needs a lane.
    void advance() {
        n_ += gaps_[at_];
        if (++at_ == gaps_.size()) at_ = 0;
    }

    /// How many of its requests are below `end`, passed or not.
    std::uint64_t count_below(std::uint64_t end) const;
    /// The share `part` of `parts` of this stripe from its first request: every parts-th lane.
    Stripe part(std::uint32_t part, std::uint32_t parts) const;
    /// The same lanes from `first` on, or from its own first where that is later.
    Stripe from(std::uint64_t first) const;

    const std::vector<std::uint32_t>& lanes() const { return lanes_; }
    std::uint32_t period() const { return period_; }
    std::uint64_t first() const { return first_; }

private:
    std::vector<std::uint32_t> lanes_;
    std::vector<std::uint32_t> gaps_;  ///< from each lane to the next one, round the period
    std::uint32_t period_;
    std::uint64_t first_;
    std::uint64_t n_ = std::numeric_limits<std::uint64_t>::max();
    std::size_t at_ = 0;
};

/// Shares `lanes` (ascending) out by weight, evenly interleaved: smooth weighted round robin, by
/// which nobody's lanes are ever far from where a share of exactly its weight would have them. The
/// result has an entry a weight. Weights are at least 0; where all are 0 they count as equal.
std::vector<std::vector<std::uint32_t>> share_lanes(const std::vector<std::uint32_t>& lanes,
                                                    const std::vector<double>& weights);

/// 0 to period - 1.
std::vector<std::uint32_t> all_lanes(std::uint32_t period);

}  // namespace qck::schedule
