#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace qck::fleet {

/// How far another machine's clock is ahead of ours, from timed exchanges (as in NTP, RFC 5905
/// section 8): of the last ones the one with the shortest round trip is believed, for the way there
/// and the way back can differ by no more than that trip. Not thread-safe.
class ClockFilter {
public:
    /// Enough to trust the best one.
    static constexpr std::size_t samples_wanted = 16;

    /// Sent at `sent` and heard back at `heard` by our clock; there it came in at `received` and
    /// was answered at `answered` by theirs. An exchange that ran backwards is passed over.
    void add(std::int64_t sent, std::int64_t received, std::int64_t answered, std::int64_t heard);

    bool is_settled() const { return count_ >= samples_wanted; }
    /// Theirs minus ours, ns; 0 before the first exchange.
    std::int64_t offset_ns() const { return best().offset_ns; }
    /// The offset is off by at most this, ns.
    std::int64_t uncertainty_ns() const { return (best().trip_ns + 1) / 2; }
    std::int64_t trip_ns() const { return best().trip_ns; }

private:
    struct Sample {
        std::int64_t offset_ns = 0;
        std::int64_t trip_ns = 0;
    };
    const Sample& best() const;

    /// Of the last seconds only: clocks drift apart, by up to 0.1 ms a second.
    std::array<Sample, 64> samples_{};
    std::size_t count_ = 0;
};

}  // namespace qck::fleet
