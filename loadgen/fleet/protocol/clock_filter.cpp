#include "loadgen/fleet/protocol/clock_filter.hpp"

#include <algorithm>

namespace qck::fleet {

void ClockFilter::add(std::int64_t sent, std::int64_t received, std::int64_t answered,
                      std::int64_t heard) {
    const std::int64_t trip = (heard - sent) - (answered - received);
    if (heard < sent || answered < received || trip < 0) return;
    // Halves apart, for the sum of two clocks may not fit.
    const std::int64_t there = received - sent;
    const std::int64_t back = answered - heard;
    samples_[count_++ % samples_.size()] = {there / 2 + back / 2 + (there % 2 + back % 2) / 2,
                                            trip};
}

const ClockFilter::Sample& ClockFilter::best() const {
    const auto used = std::min(count_, samples_.size());
    const auto end = samples_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(used, 1));
    return *std::min_element(samples_.begin(), end, [](const Sample& a, const Sample& b) {
        return a.trip_ns < b.trip_ns;
    });
}

}  // namespace qck::fleet
