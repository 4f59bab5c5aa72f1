#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "loadgen/fleet/protocol/clock_filter.hpp"
#include "loadgen/fleet/protocol/message.hpp"
#include "loadgen/record/run_result.hpp"

namespace qck::fleet {

/// An agent as it greeted.
struct Member {
    std::string name;
    std::string address;
    std::string host;
    std::uint32_t threads = 1;
};

/// What the fleet is to offer.
struct Order {
    scenario::Plan plan;  ///< connections are those of all agents together
    std::string target;   ///< URL
    std::string api;      ///< URL of requests `to_api`; empty: the plan has none
    bool verify_target = true;
    bool closed_loop = false;
    std::uint32_t threads = 0;  ///< of each agent; 0: its own choice
    /// An agent's share of the requests, by member; empty: equal shares.
    std::vector<double> weights;
};

class FleetRun;

/// The coordinator's side of all connections: keeps the agents' clocks, shares a plan out, starts
/// it everywhere at one moment, adds up what is told, and hands the rest of an agent's requests to
/// the others when it is lost.
///
/// Every request of a plan is at most once somebody's, whatever is lost when: an agent sends
/// nothing after its lease (protocol/timing.hpp), and what others take over begins after that. What
/// it told counts; the rest, up to there, is counted unsent.
///
/// Has no clock and no socket: the time (CLOCK_MONOTONIC, ns) comes with each call. Messages are
/// handed in before on_time(), so that what has arrived is known when silence is judged. What it
/// holds does not grow with the number of agents but for their counters. Not thread-safe.
class Coordination {
public:
    struct Outgoing {
        std::size_t agent = 0;
        Message message;
    };

    Coordination(std::vector<Member> members, std::int64_t now_ns);
    ~Coordination();
    Coordination(Coordination&&) noexcept;
    Coordination& operator=(Coordination&&) = delete;

    void on_message(std::size_t agent, const Message& message, std::int64_t now_ns);
    /// Its connection has ended.
    void on_lost(std::size_t agent, const std::string& why, std::int64_t now_ns);
    /// To be called every few milliseconds.
    void on_time(std::int64_t now_ns);
    /// What is to be sent, in order; and whose connections are to be closed. Each once.
    std::vector<Outgoing> take_outgoing();
    std::vector<std::size_t> take_dropped();

    const std::vector<Member>& members() const { return members_; }
    std::size_t alive() const;
    /// Every agent that is there has exchanged times often enough.
    bool clocks_settled() const;
    /// Why the last agent was lost that was; empty when none was.
    const std::string& last_loss() const { return last_loss_; }

    /// Needs settled clocks, and no run going on.
    Result<void> begin(Order order, std::int64_t now_ns);
    bool has_ended() const;
    /// As Engine::stop_early and Engine::stop_now. Again is harmless.
    void stop(bool now, std::int64_t now_ns);
    record::Progress progress(std::int64_t now_ns) const;
    /// When it has ended; once a run. `wall_ms` is the wall clock at now_ns. Fails when the run did
    /// not come to its start.
    Result<record::RunResult> finish(std::int64_t now_ns, std::int64_t wall_ms);

private:
    struct Link {
        bool alive = true;
        ClockFilter clock;
        std::int64_t heard_ns = 0;
        std::int64_t beat_ns = 0;           ///< when the last beat was sent; 0: never
        std::int64_t answered_beat_ns = 0;  ///< when the last beat that it answered was sent
        std::int64_t lease_until_ns = 0;    ///< by our clock, as granted
    };

    void send_beat(std::size_t agent, std::int64_t now_ns);
    void on_pulse(std::size_t agent, const Pulse& pulse, std::int64_t now_ns);
    void check_silence(std::size_t agent, std::int64_t now_ns);
    void start_when_ready(std::int64_t now_ns);
    void allow_end_when_due(std::int64_t now_ns);
    void hand_over(std::size_t agent, std::int64_t now_ns);
    void drop(std::size_t agent, const std::string& why, std::int64_t now_ns);
    void send(std::size_t agent, Message message);
    bool is_running(std::size_t agent) const;
    /// Alive, and still at this run.
    std::vector<std::size_t> working() const;

    std::vector<Member> members_;
    std::vector<Link> links_;
    std::unique_ptr<FleetRun> run_;
    std::uint32_t runs_ = 0;
    std::vector<Outgoing> outgoing_;
    std::vector<std::size_t> dropped_;
    std::string last_loss_;
};

}  // namespace qck::fleet
