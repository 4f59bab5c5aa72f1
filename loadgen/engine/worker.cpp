#include "loadgen/engine/worker.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace qck::engine {

using record::Cause;
using State = Connection::State;

namespace {

constexpr std::size_t input_bytes = 64 * 1024;
constexpr std::int64_t tick_min_ns = 1'000'000;
constexpr std::int64_t tick_max_ns = 10'000'000;
constexpr std::int64_t cpu_sample_ns = 1'000'000'000;

}  // namespace

Worker::Worker(const RunSetup& setup, RunControl& control, const schedule::Stripe& stripe,
               const record::RecordShape& shape, std::uint32_t connections, std::uint32_t index)
    : setup_(setup),
      control_(control),
      schedule_(setup.timetable.curve(), setup.arrival, setup.seed, stripe),
      record_(shape),
      ready_(connections),
      input_(input_bytes),
      // A timeout is seen within a hundredth of its length.
      tick_gap_ns_(std::clamp(setup.timeout_ns / 100, tick_min_ns, tick_max_ns)),
      address_next_(index),
      closed_loop_(stripe) {
    if (setup.feed != nullptr) feed_.emplace(*setup.feed);
    if (setup.timetable.users() != nullptr) {
        users_.emplace(*setup.timetable.users(), stripe);
        seat_users();
    } else {
        for (std::uint32_t at = 0; at < connections; ++at) {
            connections_.emplace_back(limits_, setup.pipeline);
        }
    }
    loaded_.reserve(setup.pipeline);
}

Result<void> Worker::run() {
    auto pacer = Pacer::create(setup_.may_spin, setup_.sharers);
    if (!pacer) {
        control_.warmed_up.fetch_add(1);
        control_.ended.fetch_add(1);
        return pacer.error();
    }
    pacer_.emplace(std::move(*pacer));
    warm_up();
    start_ns_ = control_.start_ns.load();
    pacer_->begin();
    const std::int64_t cpu_before = thread_cpu_ns();
    const std::int64_t wall_before = monotonic_ns();
    offer();
    evidence_.cpu_ns = thread_cpu_ns() - cpu_before;
    evidence_.wall_ns = monotonic_ns() - wall_before;
    control_.ended.fetch_add(1);
    return {};
}

/// Opens all connections, says so, and waits until the start is near.
void Worker::warm_up() {
    const std::int64_t begin = monotonic_ns();
    // Users connect when they come.
    if (!users_) {
        for (Connection& connection : connections_) open(connection, begin);
    }
    bool told = false;
    for (;;) {
        const std::int64_t now = monotonic_ns();
        const bool all_tried =
            users_ ||
            std::all_of(connections_.begin(), connections_.end(), [](const Connection& one) {
                return one.state == State::open || one.failures > 0;
            });
        if (!told && (all_tried || now - begin > setup_.connect_timeout_ns)) {
            told = true;
            control_.warmed_up.fetch_add(1);
        }
        if (const std::int64_t start = control_.start_ns.load(); start != 0) return;
        if (control_.stop_now.load()) return;
        handle(pacer_->wait(now, now + tick_min_ns));
        tick(monotonic_ns());
    }
}

void Worker::offer() {
    if (start_ns_ == 0) {
        // Stopped before it began.
        start_ns_ = monotonic_ns();
        finish(start_ns_);
        return;
    }
    std::int64_t now = monotonic_ns();
    cpu_at_ns_ = now;
    cpu_used_ns_ = thread_cpu_ns();
    renewals_at_ns_ = start_ns_;
    if (!setup_.closed_loop && !users_) advance();
    wait_for_start();
    if (setup_.closed_loop) {
        for (Connection& connection : connections_) fill_closed_loop(connection, monotonic_ns());
    }
    for (;;) {
        now = users_ ? send_due_of_users() : send_due();
        if (now >= next_tick_ns_) tick(now);
        if (is_over(now)) break;
        std::int64_t until = next_tick_ns_;
        if (const auto next = next_send_ns()) until = std::min(until, start_ns_ + *next);
        handle(pacer_->wait(now, until));
    }
    finish(monotonic_ns());
}

void Worker::wait_for_start() {
    std::int64_t now = monotonic_ns();
    while (now < start_ns_ && !control_.stop_now.load()) {
        if (now >= next_tick_ns_) tick(now);
        handle(pacer_->wait(now, std::min(start_ns_, next_tick_ns_)));
        now = monotonic_ns();
    }
    evidence_.began_late_ns = since_start(now);
}

void Worker::take_over(schedule::Stripe stripe) {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.push_back(std::move(stripe));
    inbox_filled_.store(true);
}

void Worker::take_inbox() {
    std::vector<schedule::Stripe> stripes;
    {
        const std::lock_guard lock(inbox_mutex_);
        stripes.swap(inbox_);
        inbox_filled_.store(false);
    }
    if (users_) {
        for (const schedule::Stripe& stripe : stripes) users_->add(stripe);
        seat_users();
        return;
    }
    for (schedule::Stripe& stripe : stripes) schedule_.add(std::move(stripe));
    if (start_ns_ != 0 && !next_ && !setup_.closed_loop && stopped_at_ns_ < 0) advance();
}

bool Worker::lease_has_passed(std::int64_t now_ns) {
    if (now_ns < control_.lease_until_ns.load(std::memory_order_relaxed)) return false;
    control_.stop_now.store(true);
    return true;
}

bool Worker::is_over(std::int64_t now_ns) const {
    if (control_.stop_now.load(std::memory_order_relaxed)) return true;
    const std::int64_t at = since_start(now_ns);
    if (stopped_at_ns_ >= 0) {
        return open_requests_ == 0 || at - stopped_at_ns_ > setup_.interrupt_drain_ns;
    }
    const bool done = setup_.closed_loop ? at >= setup_.run_ns : nothing_left();
    return done && open_requests_ == 0 && control_.may_end.load(std::memory_order_relaxed);
}

std::optional<std::int64_t> Worker::next_send_ns() const {
    if (users_) {
        const auto* const first = users_->first();
        return first != nullptr ? std::optional(first->due_ns) : std::nullopt;
    }
    return next_ && ready_count_ > 0 ? std::optional(next_->due_ns) : std::nullopt;
}

bool Worker::nothing_left() const {
    if (users_) return users_->first() == nullptr && users_->waiting() == 0;
    return !next_ && (!feed_ || feed_->ended());
}

void Worker::finish(std::int64_t now_ns) {
    give_up_backlog(now_ns, Cause::run_ended);
    for (Connection& connection : connections_) {
        while (connection.open_requests() > 0) {
            record_.left_open(connection.front(), since_start(now_ns));
            connection.pop();
            --open_requests_;
        }
        if (connection.state == State::open) forget(connection);
        connection.close();
    }
}

void Worker::handle(std::span<epoll_event> events) {
    for (const epoll_event& event : events) {
        Connection& connection = *static_cast<Connection*>(event.data.ptr);
        switch (connection.state) {
            case State::open:
                if (!connection.unsent_bytes.empty()) flush(connection);
                if (connection.state == State::open) on_readable(connection, event.events);
                break;
            case State::connecting:
                on_connecting(connection);
                break;
            case State::handshaking:
                on_handshake(connection);
                break;
            case State::closed:
                break;
        }
    }
}

void Worker::tick(std::int64_t now_ns) {
    next_tick_ns_ = now_ns + tick_gap_ns_;
    if (lease_has_passed(now_ns)) return;
    if (inbox_filled_.load()) take_inbox();
    if (start_ns_ != 0 && stopped_at_ns_ < 0 && control_.stop_early.load()) {
        stopped_at_ns_ = since_start(now_ns);
        give_up_backlog(now_ns, Cause::run_ended);
    }
    if (start_ns_ != 0) expire_backlog(now_ns);
    for (Connection& connection : connections_) {
        switch (connection.state) {
            case State::open:
                expire(connection, now_ns);
                break;
            case State::connecting:
            case State::handshaking:
                if (now_ns >= connection.connect_by_ns) {
                    connect_failed(connection, now_ns, Cause::connect_timeout);
                }
                break;
            case State::closed:
                if (now_ns >= connection.retry_at_ns) open(connection, now_ns);
                break;
        }
    }
    if (setup_.new_connections_per_s > 0 && start_ns_ != 0 && now_ns >= start_ns_)
        renew_connections(now_ns);
    if (start_ns_ != 0) sample_cpu(now_ns);
}

void Worker::expire(Connection& connection, std::int64_t now_ns) {
    const std::int64_t at = since_start(now_ns);
    if (connection.open_requests() == 0 || at - connection.front().due_ns < setup_.timeout_ns) {
        return;
    }
    while (connection.open_requests() > 0) {
        const Sent& request = connection.front();
        if (at - request.due_ns >= setup_.timeout_ns) {
            record_.timed_out(request, at, setup_.timeout_ns);
        } else {
            record_.lost_behind_timeout(request, at, setup_.timeout_ns);
        }
        connection.pop();
        --open_requests_;
    }
    drop(connection, now_ns, Cause::behind_timeout);
}

void Worker::expire_backlog(std::int64_t now_ns) {
    const std::int64_t at = since_start(now_ns);
    if (users_) return give_up_waiting(at, at - setup_.timeout_ns, backlog_cause());
    if (next_ && at - next_->due_ns >= setup_.timeout_ns) {
        give_up_due(at, at - setup_.timeout_ns, setup_.timeout_ns, backlog_cause());
    }
}

/// All that was due by `due_by_ns`, which at rates beyond any machine is more than could be counted
/// one by one. `next_` is due by then.
void Worker::give_up_due(std::int64_t at_ns, std::int64_t due_by_ns, std::int64_t waited_ns,
                         Cause cause) {
    if (feed_) {
        for (; next_ && next_->due_ns <= due_by_ns && !control_.stop_now.load(); advance()) {
            record_.scheduled(next_->phase, next_->due_ns);
            record_.unsent(next_->phase, next_->due_ns, at_ns, waited_ns, cause);
        }
        return;
    }
    record_.unsent_all(next_->phase, 1, next_->due_ns, at_ns, waited_ns, cause);
    for (std::int64_t from = next_->due_ns; from <= due_by_ns;) {
        const std::int64_t end = std::min(record_.interval_end_ns(from), due_by_ns + 1);
        for (const auto& passed : schedule_.pass(end)) {
            record_.unsent_all(passed.phase, passed.count, from, at_ns, waited_ns, cause);
        }
        from = end;
    }
    advance();
}

/// What is due and unsent stays so; what is not due yet was never scheduled.
void Worker::give_up_backlog(std::int64_t now_ns, Cause cause) {
    const std::int64_t at = since_start(now_ns);
    if (users_) return give_up_users(at, cause);
    if (next_ && next_->due_ns <= at) give_up_due(at, at, 0, cause);
    next_.reset();
    if (feed_) feed_->close();
}

void Worker::renew_connections(std::int64_t now_ns) {
    const double seconds = static_cast<double>(now_ns - renewals_at_ns_) / 1e9;
    renewals_at_ns_ = now_ns;
    renewals_owed_ += seconds * setup_.new_connections_per_s;
    renewals_owed_ = std::min(renewals_owed_, static_cast<double>(connections_.size()));
    // What is not open, or is to be renewed already, is passed over; nothing is owed less for it.
    for (std::size_t seen = 0; seen < connections_.size() && renewals_owed_ >= 1; ++seen) {
        Connection& connection = connections_[renew_next_++ % connections_.size()];
        if (connection.state != State::open || connection.retire) continue;
        renewals_owed_ -= 1;
        if (connection.open_requests() == 0) {
            renew(connection, now_ns);
        } else {
            connection.retire = true;
        }
    }
}

void Worker::sample_cpu(std::int64_t now_ns) {
    if (now_ns - cpu_at_ns_ < cpu_sample_ns) return;
    const std::int64_t used = thread_cpu_ns();
    const std::int64_t spun = pacer_->spin_ns();
    const std::int64_t busy = (used - cpu_used_ns_) - (spun - cpu_spun_ns_);
    evidence_.cpu_share_max =
        std::max(evidence_.cpu_share_max,
                 static_cast<double>(busy) / static_cast<double>(now_ns - cpu_at_ns_));
    cpu_at_ns_ = now_ns;
    cpu_used_ns_ = used;
    cpu_spun_ns_ = spun;
}

}  // namespace qck::engine
