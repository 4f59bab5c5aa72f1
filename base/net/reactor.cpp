#include "base/net/reactor.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace qck::net {
namespace {

constexpr std::size_t batch_events_max = 512;

/// Some 1 to 3 us, by the processor: a look is a system call.
constexpr int pauses_between_looks = 64;

/// That of the calling thread; null when there is none.
thread_local WakeBatch* wake_batch = nullptr;

Error epoll_error(const char* tried) { return io_error(tried, errno); }

}  // namespace

Result<std::unique_ptr<Reactor>> Reactor::create() {
    Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return epoll_error("cannot create an epoll set");
    Fd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!wake) return epoll_error("cannot create an eventfd");
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.ptr = nullptr;  // the wake descriptor is the one without a handler
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &interest) != 0) {
        return epoll_error("cannot watch an eventfd");
    }
    std::unique_ptr<Reactor> reactor(new Reactor(std::move(epoll), std::move(wake)));
    reactor->now_ns_ = reactor->read_clock();
    return reactor;
}

Reactor::~Reactor() = default;

void Reactor::run() {
    std::array<epoll_event, batch_events_max> events{};
    while (!stopping_.load(std::memory_order_acquire)) {
        const int count = wait(events);
        now_ns_ = read_clock();
        if (busy_poll_ns_ > 0) note_wait(now_ns_ - wait_began_ns_);
        bool woken = false;
        batch_ = std::span(events.data(), static_cast<std::size_t>(std::max(count, 0)));
        while (!batch_.empty()) {
            const epoll_event event = batch_.front();
            batch_ = batch_.subspan(1);
            if (event.data.ptr == &removed_) continue;
            if (event.data.ptr == nullptr) {
                woken = true;
            } else {
                static_cast<EventHandler*>(event.data.ptr)->on_events(event.events);
            }
        }
        if (woken) run_posted();
        run_timers();
        for (const auto& work : after_batch_) work();
    }
    run_posted();
}

void Reactor::stop() {
    stopping_.store(true, std::memory_order_release);
    wake();
}

void Reactor::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Reactor::post(std::function<void()> work) {
    bool first = false;
    {
        const std::lock_guard lock(posted_mutex_);
        first = posted_.empty();
        posted_.push_back(std::move(work));
    }
    if (!first) return;  // whoever posted first has written the wake-up, or is about to
    if (wake_batch == nullptr || !wake_batch->hold(*this)) wake();
}

void Reactor::run_posted() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
    std::vector<std::function<void()>> work;
    {
        const std::lock_guard lock(posted_mutex_);
        work.swap(posted_);
    }
    for (auto& item : work) item();
    if (!work.empty()) read_clock();
}

Result<void> Reactor::watch(int fd, std::uint32_t events, EventHandler& handler) {
    epoll_event interest{};
    interest.events = events;
    interest.data.ptr = &handler;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &interest) != 0) {
        return epoll_error("cannot watch a descriptor");
    }
    return {};
}

Result<void> Reactor::rewatch(int fd, std::uint32_t events, EventHandler& handler) {
    epoll_event interest{};
    interest.events = events;
    interest.data.ptr = &handler;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &interest) != 0) {
        return epoll_error("cannot change the watch of a descriptor");
    }
    return {};
}

void Reactor::unwatch(int fd, EventHandler& handler) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    for (epoll_event& event : batch_) {
        if (event.data.ptr == &handler) event.data.ptr = &removed_;
    }
}

Reactor::TimerId Reactor::after(std::chrono::nanoseconds delay, std::function<void()> work) {
    return add_timer(delay, {}, std::move(work));
}

Reactor::TimerId Reactor::every(std::chrono::nanoseconds period, std::function<void()> work) {
    return add_timer(period, period, std::move(work));
}

Reactor::TimerId Reactor::add_timer(std::chrono::nanoseconds delay, std::chrono::nanoseconds period,
                                    std::function<void()> work) {
    const TimerId id = ++last_timer_;
    timers_.emplace(monotonic_ns() + delay.count(), Timer{period.count(), std::move(work), id});
    return id;
}

void Reactor::cancel(TimerId timer) {
    if (timer == running_timer_) running_timer_ = 0;
    std::erase_if(timers_, [timer](const auto& entry) { return entry.second.id == timer; });
}

void Reactor::run_timers() {
    if (timers_.empty() || timers_.begin()->first > now_ns_) return;
    while (!timers_.empty() && timers_.begin()->first <= now_ns_) {
        auto node = timers_.extract(timers_.begin());
        Timer& timer = node.mapped();
        running_timer_ = timer.id;
        timer.work();
        const bool cancelled = running_timer_ != timer.id;
        running_timer_ = 0;
        if (cancelled || timer.period_ns == 0) continue;
        node.key() = now_ns_ + timer.period_ns;
        timers_.insert(std::move(node));
    }
    read_clock();
}

int Reactor::wait(std::span<epoll_event> events) {
    const auto wait_for = [&](int timeout_ms) {
        return ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                            timeout_ms);
    };
    if (busy_poll_ns_ > 0) {
        wait_began_ns_ = read_clock();
        if (mean_wait_ns_ <= busy_poll_ns_) {
            std::int64_t until_ns = wait_began_ns_ + busy_poll_ns_;
            if (!timers_.empty()) until_ns = std::min(until_ns, timers_.begin()->first);
            do {
                if (const int count = wait_for(0); count != 0) return count;
                for (int i = 0; i < pauses_between_looks; ++i) relax_cpu();
            } while (read_clock() < until_ns);
        }
    }
    return wait_for(wait_timeout_ms());
}

void Reactor::note_wait(std::int64_t waited_ns) {
    // No wait counts for so much that a few short ones could not outweigh it.
    const std::int64_t counted_ns = std::min(waited_ns, 4 * busy_poll_ns_);
    mean_wait_ns_ += (counted_ns - mean_wait_ns_) / 8;
}

int Reactor::wait_timeout_ms() const {
    if (timers_.empty()) return -1;
    const std::int64_t left_ns = timers_.begin()->first - latest_ns_;
    if (left_ns <= 0) return 0;
    return static_cast<int>(std::min<std::int64_t>((left_ns + 999'999) / 1'000'000, INT_MAX));
}

WakeBatch::WakeBatch() {
    if (wake_batch == nullptr) wake_batch = this;
}

WakeBatch::~WakeBatch() {
    if (wake_batch != this) return;
    wake_batch = nullptr;
    for (std::size_t at = 0; at < held_count_; ++at) held_[at]->wake();
}

bool WakeBatch::hold(Reactor& reactor) {
    const auto end = held_.begin() + static_cast<std::ptrdiff_t>(held_count_);
    if (std::find(held_.begin(), end, &reactor) != end) return true;
    if (held_count_ == held_.size()) return false;
    held_[held_count_++] = &reactor;
    return true;
}

}  // namespace qck::net
