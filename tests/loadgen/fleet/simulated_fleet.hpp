#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "loadgen/fleet/protocol/agent_session.hpp"
#include "loadgen/fleet/protocol/coordination.hpp"
#include "loadgen/record/run_frame.hpp"
#include "loadgen/schedule/arrival_schedule.hpp"

namespace qck::test {

/// How often each request of a run was sent, by anybody.
using Ledger = std::map<std::uint64_t, int>;

/// A load that sends what is due when the time comes, and is answered in the same moment.
class SimulatedLoad final : public fleet::Load {
public:
    explicit SimulatedLoad(Ledger& ledger) : ledger_(ledger) {}

    Result<void> prepare(const fleet::Prepare& order) override;
    bool is_warm() const override { return true; }
    void start_at(std::int64_t at_ns) override { start_ns_ = at_ns; }
    void set_lease(std::int64_t until_ns) override { lease_ns_ = until_ns; }
    void take_over(const schedule::Stripe& stripe) override;
    void allow_end() override { may_end_ = true; }
    void stop(bool) override { stopped_ = true; }
    bool has_ended() const override;
    record::Gain take_gain(bool whole) override { return record_->take_gain(*told_, whole); }
    void describe(fleet::Progress&) const override {}
    Result<fleet::Done> finish() override;
    void abandon() override { start_ns_ = 0; }

    /// Nothing that it sends is answered any more.
    void leave_unanswered() { is_answered_ = false; }
    /// Sends what is due by then, by this agent's clock.
    void advance_to(std::int64_t now_ns);

private:
    void pull() {
        if (!next_) next_ = users_ ? next_of_users() : schedule_->next();
    }
    std::optional<schedule::Arrival> next_of_users();

    Ledger& ledger_;
    scenario::Plan plan_;
    std::unique_ptr<schedule::Timetable> timetable_;
    std::unique_ptr<schedule::ArrivalSchedule> schedule_;
    std::unique_ptr<schedule::UserSchedule> users_;
    std::unique_ptr<record::WorkerRecord> record_;
    std::unique_ptr<record::WorkerRecord> told_;
    std::optional<schedule::Arrival> next_;
    std::int64_t start_ns_ = 0;
    std::int64_t lease_ns_ = 0;
    std::int64_t now_ns_ = 0;
    bool is_answered_ = true;
    bool may_end_ = false;
    bool stopped_ = false;
};

/// A coordinator and its agents on a network that delays, with clocks that differ; agents can be
/// killed, and made to stand still. The real state machines, and no real time.
class SimulatedFleet {
public:
    SimulatedFleet(std::size_t agents, std::uint64_t seed);

    fleet::Coordination& coordination() { return *coordination_; }
    std::int64_t now_ns() const { return now_ns_; }
    Ledger& ledger() { return ledger_; }
    const fleet::AgentSession& agent(std::size_t index) const { return *agents_[index].session; }

    /// Its process is gone, and the coordinator hears so.
    void kill(std::size_t agent);
    void leave_unanswered(std::size_t agent) { agents_[agent].load->leave_unanswered(); }
    /// It does nothing, and its connection stays.
    void stand_still(std::size_t agent, bool still) { agents_[agent].still = still; }
    /// The coordinator does nothing any more.
    void coordinator_stands_still() { coordinator_still_ = true; }

    void run_for(std::int64_t span_ns);
    /// Until the run has ended, at most `span_ns`; whether it has.
    bool run_until_end(std::int64_t span_ns);

private:
    template <class Payload>
    struct Delayed {
        std::int64_t at_ns = 0;
        Payload payload;
    };
    struct Agent {
        std::unique_ptr<SimulatedLoad> load;
        std::unique_ptr<fleet::AgentSession> session;
        std::int64_t clock_offset_ns = 0;
        std::int64_t delay_ns = 0;
        bool killed = false;
        bool still = false;
        std::deque<Delayed<fleet::Message>> to_agent;
        std::deque<Delayed<fleet::Message>> to_coordinator;
    };

    void step();
    void step_agent(Agent& agent);
    void step_coordinator();

    Ledger ledger_;
    SplitMix64 random_;
    std::vector<Agent> agents_;
    std::unique_ptr<fleet::Coordination> coordination_;
    bool coordinator_still_ = false;
    std::int64_t now_ns_ = 1'000'000'000'000;
};

}  // namespace qck::test
