#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/net/fd.hpp"

namespace qck::net {

/// Told when the descriptor it watches is ready. Runs on the reactor's thread.
class EventHandler {
public:
    virtual ~EventHandler() = default;
    /// `events` are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP.
    virtual void on_events(std::uint32_t events) = 0;
};

/// One thread, one epoll set, one core: waits for readiness, runs handlers, timers and posted work.
///
/// Level-triggered. Everything but post(), stop() and stopped() belongs to the thread that calls
/// run() (or to the thread that sets it up, before run()). Handlers outlive their watch.
class Reactor {
public:
    static Result<std::unique_ptr<Reactor>> create();
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    /// Runs until stop(); returns after the work posted before it has run.
    void run();
    /// Thread-safe, may be called from a signal handler's thread.
    void stop();

    /// Runs `work` on the reactor's thread, soon. Thread-safe. What is posted after the reactor
    /// ended is dropped (destroyed) with the reactor. Within a WakeBatch of the calling thread the
    /// reactor may learn of it as late as the batch ends.
    void post(std::function<void()> work);

    Result<void> watch(int fd, std::uint32_t events, EventHandler& handler);
    Result<void> rewatch(int fd, std::uint32_t events, EventHandler& handler);
    /// No event reaches `handler` after this, also not from the batch in progress.
    void unwatch(int fd, EventHandler& handler);

    using TimerId = std::uint64_t;
    /// Calls `work` once, `delay` from now (never early).
    TimerId after(std::chrono::nanoseconds delay, std::function<void()> work);
    /// Calls `work` every `period` until cancelled.
    TimerId every(std::chrono::nanoseconds period, std::function<void()> work);
    void cancel(TimerId timer);

    /// Runs `work` after each batch of events, before the reactor waits again; set before run().
    void after_each_batch(std::function<void()> work) { after_batch_.push_back(std::move(work)); }

    /// Looks for events so long before the thread sleeps, as long as waits are mostly that short:
    /// whoever sends one need not wake it, at the cost of the CPU's idle time. Zero, the default:
    /// sleeps at once. Set before run(). As the halt polling of Linux's KVM does it, with a moving
    /// mean of the last eight waits or so in place of its growing and shrinking window.
    void busy_poll(std::chrono::nanoseconds longest) { busy_poll_ns_ = longest.count(); }

    /// CLOCK_MONOTONIC, read once per batch.
    std::int64_t now_ns() const { return now_ns_; }
    /// CLOCK_MONOTONIC now. Whoever took long in a batch and asks helps the timers to be on time.
    std::int64_t read_clock() { return latest_ns_ = monotonic_ns(); }

private:
    friend class WakeBatch;
    struct Timer {
        std::int64_t period_ns;
        std::function<void()> work;
        TimerId id;
    };

    Reactor(Fd epoll, Fd wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
    TimerId add_timer(std::chrono::nanoseconds delay, std::chrono::nanoseconds period,
                      std::function<void()> work);
    void wake();
    void run_posted();
    void run_timers();
    int wait(std::span<epoll_event> events);
    void note_wait(std::int64_t waited_ns);
    int wait_timeout_ms() const;

    Fd epoll_;
    Fd wake_;
    std::int64_t now_ns_ = 0;
    std::int64_t latest_ns_ = 0;  ///< as last read; at or after now_ns_
    std::int64_t busy_poll_ns_ = 0;
    std::int64_t wait_began_ns_ = 0;  ///< kept when the reactor polls
    std::int64_t mean_wait_ns_ = 0;   ///< of the last waits, the latest counting most
    std::atomic<bool> stopping_{false};
    std::span<epoll_event> batch_;  ///< the events still to be handled in this round
    std::multimap<std::int64_t, Timer> timers_;
    TimerId last_timer_ = 0;
    TimerId running_timer_ = 0;  ///< 0 when none runs, or when the running one was cancelled
    char removed_ = 0;           ///< its address marks events of handlers that were unwatched
    std::vector<std::function<void()>> after_batch_;
    std::mutex posted_mutex_;
    std::vector<std::function<void()>> posted_;
};

/// While it lives, what its thread posts wakes no reactor; at its end each of them is woken once.
///
/// For a thread that has much to post in a row: woken by the first of it, a reactor would run at
/// once, in the place of that thread where CPUs are few, find one item, and sleep again. Lives on a
/// stack, and no longer than the reactors that are posted to. One within another does nothing.
class WakeBatch {
public:
    WakeBatch();
    ~WakeBatch();
    WakeBatch(const WakeBatch&) = delete;
    WakeBatch& operator=(const WakeBatch&) = delete;

private:
    friend class Reactor;
    static constexpr std::size_t held_max = 64;

    /// False when it holds as many as it can: then that one is woken as ever.
    bool hold(Reactor& reactor);

    std::array<Reactor*, held_max> held_{};
    std::size_t held_count_ = 0;
};

}  // namespace qck::net
