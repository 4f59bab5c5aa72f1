#include "loadgen/engine/pacer.hpp"

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace qck::engine {
namespace {

/// While it looks at the clock, the sockets are asked this often.
constexpr std::int64_t poll_gap_ns = 5'000;
/// Shorter sleeps than this are not worth a system call that ends late.
constexpr std::int64_t sleep_min_ns = 10'000;
/// Busy for this share of a window: work is gathered, until it falls below the lower one.
constexpr double gather_above = 0.45;
constexpr double gather_below = 0.35;
constexpr std::int64_t window_ns = 10'000'000;
/// How long work gathers, besides the lag of the sleep. A sleep costs a virtual machine as much as
/// a request or two; with this length they are a tenth of the work at 70 % of full load.
constexpr std::int64_t gather_ns = 40'000;
/// Threads that share a CPU each do a part of its work, but gather no longer than this.
constexpr std::int64_t gather_max_ns = 250'000;
constexpr std::int64_t lag_min_ns = 4'000;
constexpr std::int64_t lag_max_ns = 60'000;

/// Returns at or soon after `until_ns`. Adds to `spun_ns` the time spent here, but for what the
/// thread lost to others meanwhile.
void spin_until(std::int64_t now_ns, std::int64_t until_ns, std::int64_t& spun_ns) {
    // One round takes a fraction of this.
    constexpr std::int64_t round_max_ns = 2'000;
    while (now_ns < until_ns) {
        for (int times = 0; times < 16; ++times) relax_cpu();
        const std::int64_t later_ns = monotonic_ns();
        spun_ns += std::min(later_ns - now_ns, round_max_ns);
        now_ns = later_ns;
    }
}

}  // namespace

Result<Pacer> Pacer::create(bool may_spin, std::uint32_t sharers) {
    net::Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return io_error("cannot create an epoll set", errno);
    // Timers of this thread end when asked, not up to 50 µs later.
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    return Pacer(std::move(epoll), may_spin, std::max(sharers, 1U));
}

void Pacer::begin() {
    spin_ns_ = 0;
    wakeups_ = 0;
    wake_lag_ = stats::Histogram();
}

std::span<epoll_event> Pacer::poll(std::int64_t timeout_ns) {
    const auto room = static_cast<int>(events_.size());
    const timespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
    ++wakeups_;
    if (timeout_ns > 0 && has_pwait2_) {
        const int count = ::epoll_pwait2(epoll_.get(), events_.data(), room, &timeout, nullptr);
        if (count >= 0) return {events_.data(), static_cast<std::size_t>(count)};
        // ENOSYS, or EPERM where a sandbox does not know the call.
        has_pwait2_ = errno == EINTR;
    }
    if (timeout_ns > 0 && !has_pwait2_) {
        pollfd ready{epoll_.get(), POLLIN, 0};
        ::ppoll(&ready, 1, &timeout, nullptr);
    }
    const int count = ::epoll_wait(epoll_.get(), events_.data(), room, 0);
    return {events_.data(), static_cast<std::size_t>(std::max(count, 0))};
}

void Pacer::note_busy(std::int64_t now_ns) {
    if (work_began_ns_ != 0) busy_ns_ += now_ns - work_began_ns_;
    const std::int64_t span_ns = now_ns - window_began_ns_;
    if (span_ns < window_ns) return;
    const double share = static_cast<double>(busy_ns_) / static_cast<double>(span_ns);
    gathers_ = share > (gathers_ ? gather_below : gather_above) / sharers_;
    busy_ns_ = 0;
    window_began_ns_ = now_ns;
}

std::span<epoll_event> Pacer::wait(std::int64_t now_ns, std::int64_t until_ns) {
    note_busy(now_ns);
    const std::span<epoll_event> ready = wait_for_work(now_ns, until_ns);
    work_began_ns_ = monotonic_ns();
    return ready;
}

std::span<epoll_event> Pacer::wait_for_work(std::int64_t now_ns, std::int64_t until_ns) {
    const std::int64_t left_ns = until_ns - now_ns;
    if (left_ns <= 0) return poll(0);
    if (gathers_) {
        const timespec nap{0, std::min(gather_ns * sharers_, gather_max_ns)};
        ::clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
        wake_lag_.record(std::max<std::int64_t>(monotonic_ns() - now_ns - nap.tv_nsec, 0));
        return poll(0);
    }
    const std::int64_t early_ns = may_spin_ ? lag_ns_ + lag_ns_ / 4 : 0;
    if (may_spin_ && left_ns < early_ns + sleep_min_ns) {
        spin_until(now_ns, std::min(until_ns, now_ns + poll_gap_ns), spin_ns_);
        return poll(0);
    }
    const std::int64_t sleep_ns = left_ns - early_ns;
    const std::span<epoll_event> ready = poll(sleep_ns);
    if (ready.empty()) {
        const std::int64_t late_ns = std::max<std::int64_t>(monotonic_ns() - now_ns - sleep_ns, 0);
        wake_lag_.record(late_ns);
        lag_ns_ = std::clamp(lag_ns_ + (late_ns - lag_ns_) / 16, lag_min_ns, lag_max_ns);
    }
    return ready;
}

}  // namespace qck::engine
