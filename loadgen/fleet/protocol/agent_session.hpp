#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "loadgen/fleet/protocol/message.hpp"

namespace qck::fleet {

/// What an agent offers load with: one run at a time. Calls come from one thread and do not block
/// for long, but for prepare(), which looks the target up.
class Load {
public:
    virtual ~Load() = default;
    /// Ends what ran before. Connects to the target.
    virtual Result<void> prepare(const Prepare& order) = 0;
    virtual bool is_warm() const = 0;
    virtual void start_at(std::int64_t at_ns) = 0;
    virtual void set_lease(std::int64_t until_ns) = 0;
    virtual void take_over(const schedule::Stripe& stripe) = 0;
    virtual void allow_end() = 0;
    virtual void stop(bool now) = 0;
    virtual bool has_ended() const = 0;
    /// What was measured since the last call; `whole` when it has ended.
    virtual record::Gain take_gain(bool whole) = 0;
    /// How connections are; `run` and `gain` are left alone.
    virtual void describe(Progress& progress) const = 0;
    /// When it has ended; `run` is left alone.
    virtual Result<Done> finish() = 0;
    /// Ends the run at once, whatever it is at. Again is harmless.
    virtual void abandon() = 0;
};

/// An agent's side of a connection whose peer has proven itself: does what the coordinator says,
/// tells what is measured, and gives up when the coordinator falls silent.
///
/// It says nothing by itself before it has been told to, has no clock and no socket: the time
/// (CLOCK_MONOTONIC, ns) comes with each call. Not thread-safe.
class AgentSession {
public:
    /// The load outlives it.
    explicit AgentSession(Load& load, std::int64_t now_ns) : load_(load), heard_ns_(now_ns) {}

    void on_message(const Message& message, std::int64_t now_ns);
    /// To be called every few milliseconds while a run is on, and every 100 ms otherwise.
    void on_time(std::int64_t now_ns);
    /// The connection has ended, or is to: so has the run, if one is on.
    void end(std::string why) { give_up(std::move(why)); }
    /// What is to be sent, in order. Each once.
    std::vector<Message> take_outgoing();

    /// Why the connection is to be closed; nothing while it is good. The load has been abandoned.
    const std::optional<std::string>& over() const { return over_; }
    bool is_running() const { return state_ != State::idle; }
    /// Runs that came to their end.
    std::uint64_t runs_done() const { return runs_done_; }

private:
    enum class State : std::uint8_t { idle, warming, ready, running };

    void prepare(const Prepare& order, std::int64_t now_ns);
    void beat(const Beat& beat, std::int64_t now_ns);
    /// Of this run; what belongs to another one came too late and is of no meaning.
    bool is_current(std::uint32_t run) const { return state_ != State::idle && run == run_; }
    void tell(record::Gain gain);
    void end_run();
    void give_up(std::string why);

    Load& load_;
    State state_ = State::idle;
    std::uint32_t run_ = 0;
    std::int64_t heard_ns_;
    std::int64_t told_ns_ = 0;
    std::int64_t lease_until_ns_ = 0;
    std::uint64_t runs_done_ = 0;
    std::vector<Message> outgoing_;
    std::optional<std::string> over_;
};

}  // namespace qck::fleet
