#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/counter.hpp"
#include "base/net/tls.hpp"
#include "loadgen/engine/arrival_feed.hpp"
#include "loadgen/engine/connection.hpp"
#include "loadgen/engine/message_book.hpp"
#include "loadgen/engine/pacer.hpp"
#include "loadgen/engine/target.hpp"
#include "loadgen/record/worker_record.hpp"
#include "loadgen/schedule/arrival_schedule.hpp"
#include "loadgen/schedule/request_mix.hpp"
#include "loadgen/schedule/timetable.hpp"

namespace qck::engine {

/// What all workers of a run share and only read.
struct RunSetup {
    const Target& target;
    const Target* api = nullptr;  ///< of requests `to_api`; null when the plan has none
    const std::vector<scenario::RequestKind>& requests;
    const MessageBook& messages;
    const schedule::RequestMix& mix;
    const schedule::Timetable& timetable;
    /// Connections go out from these in turn; empty: the system decides.
    const std::vector<net::Address>& local_addresses;
    const net::TlsClientContext* tls = nullptr;  ///< null when no target has TLS
    std::int64_t timeout_ns = 0;
    std::int64_t connect_timeout_ns = 0;
    std::int64_t run_ns = 0;  ///< length of the schedule
    scenario::Arrival arrival = scenario::Arrival::uniform;
    std::uint64_t seed = 0;
    std::uint32_t pipeline = 1;
    bool closed_loop = false;
    ArrivalFeed* feed = nullptr;  ///< instead of the schedule and the mix; null: those
    bool may_spin = true;
    std::uint32_t sharers = 1;         ///< threads of this and of sibling generators to a CPU
    double new_connections_per_s = 0;  ///< of one worker
    std::int64_t interrupt_drain_ns = 1'000'000'000;
};

/// How workers and the engine tell each other where they are. Times are CLOCK_MONOTONIC.
struct RunControl {
    std::atomic<std::uint32_t> warmed_up{0};  ///< workers whose connections have all been tried
    std::atomic<std::int64_t> start_ns{0};    ///< 0 until it is known
    std::atomic<std::uint32_t> ended{0};
    std::atomic<bool> stop_early{false};  ///< nothing new; drain what is open for a moment
    std::atomic<bool> stop_now{false};
    std::atomic<bool> may_end{true};  ///< no stripe will be taken over any more
    /// Nothing may be sent from this moment on; whoever sees it pass stops all.
    std::atomic<std::int64_t> lease_until_ns{std::numeric_limits<std::int64_t>::max()};
};

/// One thread of the load engine: its share of the schedule over its share of the connections.
///
/// Open loop: a request that is due takes a connection with room; when there is none it waits, its
/// clock running, and is given up when its timeout passes. There is no queue: what waits are the
/// next indices of the schedule. Of users each has a connection, and what is due on one that is
/// busy waits for that one. Closed loop: every connection always has `pipeline` requests open.
///
/// run() belongs to one thread; the rest may be called from any while it runs.
class Worker {
public:
    struct Evidence {
        Counter connections_opened;
        Counter connections_lost;
        Counter connections_open;  ///< now
        std::uint32_t connections_open_max = 0;
        record::CauseCounts connect_failed_by{};
        std::int64_t cpu_ns = 0;
        std::int64_t wall_ns = 0;
        double cpu_share_max = 0;
        std::int64_t began_late_ns = 0;
    };

    /// Where there are users it has a connection for each of its stripe, whatever `connections`
    /// says.
    Worker(const RunSetup& setup, RunControl& control, const schedule::Stripe& stripe,
           const record::RecordShape& shape, std::uint32_t connections, std::uint32_t index);

    /// Connects, waits for the start, offers the load, drains. Returns when nothing is open.
    Result<void> run();

    /// Adds a stripe to its share, soon. Any thread.
    void take_over(schedule::Stripe stripe);

    const record::WorkerRecord& record() const { return record_; }
    const Evidence& evidence() const { return evidence_; }
    /// Only after run() has returned.
    const Pacer* pacer() const { return pacer_ ? &*pacer_ : nullptr; }
    /// Failed attempts to connect so far, and why the last one did.
    std::uint64_t connect_failures() const { return connect_failures_.value(); }
    record::Cause last_connect_cause() const {
        return last_connect_cause_.load(std::memory_order_relaxed);
    }

private:
    using Sent = record::WorkerRecord::Sent;

    /// Bodies are dropped unread, so they may have any length.
    static http::Limits limits_of_answers() {
        http::Limits limits;
        limits.body_bytes_max = std::numeric_limits<std::uint64_t>::max();
        return limits;
    }

    // worker.cpp: the course of a run
    void warm_up();
    void offer();
    void wait_for_start();
    void take_inbox();
    /// Says whether the lease has passed, and then stops all workers.
    bool lease_has_passed(std::int64_t now_ns);
    void finish(std::int64_t now_ns);
    bool is_over(std::int64_t now_ns) const;
    void tick(std::int64_t now_ns);
    void expire(Connection& connection, std::int64_t now_ns);
    void expire_backlog(std::int64_t now_ns);
    void give_up_due(std::int64_t at_ns, std::int64_t due_by_ns, std::int64_t waited_ns,
                     record::Cause cause);
    void give_up_backlog(std::int64_t now_ns, record::Cause cause);
    void renew_connections(std::int64_t now_ns);
    void sample_cpu(std::int64_t now_ns);
    void handle(std::span<epoll_event> events);

    // worker_send.cpp: what is due
    /// Sends all that is due and finds a connection; the time when it was done.
    std::int64_t send_due();
    void fill_closed_loop(Connection& connection, std::int64_t now_ns);
    schedule::Choice choice_of(const schedule::Arrival& arrival) const;
    void load_request(const schedule::Arrival& arrival, const schedule::Choice& choice);
    void send_loaded(Connection& connection, std::int64_t now_ns);
    Connection* take_ready();
    void offer_room(Connection& connection);
    void flush(Connection& connection);
    record::Cause backlog_cause() const;
    void advance() { next_ = feed_ ? feed_->next() : schedule_.next(); }

    // worker_users.cpp: what is due where users ask
    /// As send_due.
    std::int64_t send_due_of_users();
    /// Gives up what users wait with that was due before `due_before_ns`.
    void give_up_waiting(std::int64_t at_ns, std::int64_t due_before_ns, record::Cause cause);
    void give_up_users(std::int64_t at_ns, record::Cause cause);
    /// Makes connections for users that have none.
    void seat_users();
    const Target& target_of(const Connection& connection) const;

    /// When something comes due that can be sent, from the start of the run; empty when nothing
    /// does.
    std::optional<std::int64_t> next_send_ns() const;
    bool nothing_left() const;

    // worker_receive.cpp: what comes back
    void on_readable(Connection& connection, std::uint32_t events);
    bool take_responses(Connection& connection, std::string_view in, std::int64_t now_ns);
    void on_ended(Connection& connection, record::Cause cause);
    void after_responses(Connection& connection, std::int64_t now_ns);

    // worker_connect.cpp: connections come and go
    void open(Connection& connection, std::int64_t now_ns);
    void on_connecting(Connection& connection);
    void on_handshake(Connection& connection);
    void on_open(Connection& connection);
    void connect_failed(Connection& connection, std::int64_t now_ns, record::Cause cause);
    /// Ends a connection; the requests on it fail, the first by `cause` and the others with it.
    void drop(Connection& connection, std::int64_t now_ns, record::Cause cause);
    /// Ends a connection that has no requests, and opens it again.
    void renew(Connection& connection, std::int64_t now_ns);
    void forget(Connection& connection);

    /// From the start of the run.
    std::int64_t since_start(std::int64_t monotonic) const { return monotonic - start_ns_; }

    const RunSetup& setup_;
    RunControl& control_;
    schedule::ArrivalSchedule schedule_;
    std::optional<FeedLane> feed_;
    std::optional<schedule::Arrival> next_;
    std::optional<schedule::UserSchedule> users_;  ///< instead of schedule_ and next_
    record::WorkerRecord record_;
    Evidence evidence_;
    std::optional<Pacer> pacer_;
    http::Limits limits_ = limits_of_answers();
    std::deque<Connection> connections_;
    /// Ring of connections with room; may hold some that lost it, which are skipped when taken.
    std::vector<Connection*> ready_;
    std::size_t ready_first_ = 0;
    std::size_t ready_count_ = 0;
    std::uint64_t open_requests_ = 0;
    HeadMemo memo_;
    std::vector<char> input_;
    std::string output_;
    std::vector<Sent> loaded_;
    std::int64_t start_ns_ = 0;
    std::int64_t next_tick_ns_ = 0;
    std::int64_t tick_gap_ns_ = 10'000'000;
    std::int64_t stopped_at_ns_ = -1;  ///< since the start, when told to stop early
    double renewals_owed_ = 0;
    std::int64_t renewals_at_ns_ = 0;
    std::size_t renew_next_ = 0;
    std::size_t address_next_ = 0;
    std::int64_t cpu_at_ns_ = 0;
    std::int64_t cpu_used_ns_ = 0;
    std::int64_t cpu_spun_ns_ = 0;
    Counter connect_failures_;
    std::atomic<record::Cause> last_connect_cause_{record::Cause::other};
    schedule::Stripe closed_loop_;
    std::mutex inbox_mutex_;
    std::vector<schedule::Stripe> inbox_;  ///< guarded by inbox_mutex_
    std::atomic<bool> inbox_filled_{false};
};

}  // namespace qck::engine
