#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/error.hpp"
#include "base/net/fd.hpp"
#include "base/stats/histogram.hpp"

namespace qck::engine {

/// Waits for readiness or for an instant, whichever is first, and is punctual about the instant.
///
/// A sleeping thread is woken some 10 to 50 µs after it asked to be, more in virtual machines. So
/// it sleeps until that much before the instant, by the lag that it measures, and looks at the
/// clock for the rest, polling for readiness meanwhile.
///
/// A thread that is busy for much of its time instead sleeps for short, fixed spans that readiness
/// does not end, and finds work for several requests when it wakes: what a request costs stays
/// what it costs at full load, for some 50 µs of lag; for several times that where several threads
/// share a CPU, and find the work of each in turn. Belongs to one thread.
class Pacer {
public:
    /// `may_spin`: false where looking at the clock would take the CPU from the target.
    /// `sharers`: threads that do as this one does on the same CPU, itself included.
    static Result<Pacer> create(bool may_spin, std::uint32_t sharers = 1);

    int epoll() const { return epoll_.get(); }

    /// The events that are ready; empty when `until_ns` came first or when it is worth to look
    /// again. Times are CLOCK_MONOTONIC. The span lives until the next call.
    std::span<epoll_event> wait(std::int64_t now_ns, std::int64_t until_ns);

    std::int64_t spin_ns() const { return spin_ns_; }
    std::uint64_t wakeups() const { return wakeups_; }
    /// How much later than asked for sleeps ended that no event ended.
    const stats::Histogram& wake_lag() const { return wake_lag_; }
    /// Forgets what was measured so far; called when the run begins.
    void begin();

private:
    Pacer(net::Fd epoll, bool may_spin, std::uint32_t sharers)
        : epoll_(std::move(epoll)), may_spin_(may_spin), sharers_(sharers) {}
    std::span<epoll_event> wait_for_work(std::int64_t now_ns, std::int64_t until_ns);
    std::span<epoll_event> poll(std::int64_t timeout_ns);
    void note_busy(std::int64_t now_ns);

    net::Fd epoll_;
    bool may_spin_;
    std::uint32_t sharers_;
    bool has_pwait2_ = true;        ///< Linux 5.11; before it, ppoll takes its place
    std::int64_t lag_ns_ = 20'000;  ///< of recent sleeps, smoothed
    std::int64_t spin_ns_ = 0;
    bool gathers_ = false;  ///< busy enough to sleep for fixed spans
    std::int64_t work_began_ns_ = 0;
    std::int64_t busy_ns_ = 0;  ///< in the current window
    std::int64_t window_began_ns_ = 0;
    std::uint64_t wakeups_ = 0;
    stats::Histogram wake_lag_;
    std::array<epoll_event, 256> events_{};
};

}  // namespace qck::engine
