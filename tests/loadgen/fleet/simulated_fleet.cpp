#include "tests/loadgen/fleet/simulated_fleet.hpp"

#include <algorithm>

namespace qck::test {
namespace {

constexpr std::int64_t step_ns = 2'000'000;

}  // namespace

Result<void> SimulatedLoad::prepare(const fleet::Prepare& order) {
    plan_ = order.plan;
    timetable_ = std::make_unique<schedule::Timetable>(plan_, false);
    schedule_ = std::make_unique<schedule::ArrivalSchedule>(timetable_->curve(), plan_.arrival,
                                                            plan_.seed, order.lanes.stripe());
    users_.reset();
    if (timetable_->users() != nullptr) {
        users_ =
            std::make_unique<schedule::UserSchedule>(*timetable_->users(), order.lanes.stripe());
    }
    const record::RunFrame frame(plan_, *timetable_, false);
    record_ = std::make_unique<record::WorkerRecord>(frame.shape());
    told_ = std::make_unique<record::WorkerRecord>(frame.shape());
    next_.reset();
    pull();
    lease_ns_ = std::numeric_limits<std::int64_t>::max();
    may_end_ = stopped_ = false;
    return {};
}

void SimulatedLoad::advance_to(std::int64_t now_ns) {
    if (start_ns_ == 0 || stopped_) return;
    now_ns_ = std::max(now_ns_, now_ns);
    while (next_ && start_ns_ + next_->due_ns <= now_ns && now_ns < lease_ns_) {
        record_->scheduled(next_->phase, next_->due_ns);
        record::WorkerRecord::Sent sent;
        sent.due_ns = next_->due_ns;
        sent.sent_ns = now_ns - start_ns_;
        sent.phase = static_cast<std::uint16_t>(next_->phase);
        record_->sent(sent, 100);
        if (is_answered_) record_->answered(sent, now_ns - start_ns_, 302);
        ++ledger_[next_->n];
        next_.reset();
        pull();
    }
}

std::optional<schedule::Arrival> SimulatedLoad::next_of_users() {
    while (const auto* event = users_->first()) {
        const bool asks = event->what == schedule::UserSchedule::What::asks;
        const auto request = users_->request(event->place);
        users_->done();
        if (!asks) continue;
        const auto phase = timetable_->curve().phase_at(request.due_ns);
        return schedule::Arrival{request.n, request.due_ns, static_cast<std::uint32_t>(phase)};
    }
    return std::nullopt;
}

void SimulatedLoad::take_over(const schedule::Stripe& stripe) {
    if (users_) {
        users_->add(stripe);
    } else {
        schedule_->add(stripe);
    }
    pull();
}

bool SimulatedLoad::has_ended() const {
    return stopped_ || now_ns_ >= lease_ns_ || (!next_ && may_end_);
}

Result<fleet::Done> SimulatedLoad::finish() {
    fleet::Done done;
    done.ran_ns = now_ns_ - start_ns_;
    record::ThreadResult& thread = done.evidence.threads.emplace_back();
    thread.cpu = 1;
    thread.wall_time = std::chrono::seconds(1);
    thread.cpu_time = std::chrono::milliseconds(150);
    done.evidence.interfaces = {{"", "eth0", 1e9, 0.5, 100, 200, 300, 4, 5}};
    for (int at = 0; at < 1'500; ++at) {
        record::CpuStretch& stretch = done.evidence.cpu_stretches.emplace_back();
        stretch.begin = at * std::chrono::milliseconds(4);
        stretch.length = std::chrono::milliseconds(4);
        stretch.cpus = 2;
        stretch.ours = std::chrono::microseconds(400);
        // The other agents are others, to an agent.
        stretch.others = std::chrono::milliseconds(2);
        stretch.kept_waiting = std::chrono::milliseconds(1);
    }
    done.evidence.target_is_here = true;
    done.evidence.sockets = {7, 8, 9'000, 1'024};
    return done;
}

SimulatedFleet::SimulatedFleet(std::size_t agents, std::uint64_t seed) : random_(seed) {
    std::vector<fleet::Member> members;
    for (std::size_t at = 0; at < agents; ++at) {
        Agent& agent = agents_.emplace_back();
        agent.load = std::make_unique<SimulatedLoad>(ledger_);
        agent.clock_offset_ns = static_cast<std::int64_t>(random_.next() % 100'000'000'000);
        agent.session =
            std::make_unique<fleet::AgentSession>(*agent.load, now_ns_ + agent.clock_offset_ns);
        agent.delay_ns = static_cast<std::int64_t>(random_.next() % 20) * 1'000'000;
        members.push_back({"agent" + std::to_string(at), "address", "host", 1});
    }
    coordination_ = std::make_unique<fleet::Coordination>(std::move(members), now_ns_);
}

void SimulatedFleet::kill(std::size_t agent) {
    agents_[agent].killed = true;
    agents_[agent].to_coordinator.clear();
    coordination_->on_lost(agent, "the connection was closed", now_ns_);
}

void SimulatedFleet::step_agent(Agent& agent) {
    if (agent.killed || agent.still || agent.session->over()) return;
    const std::int64_t now = now_ns_ + agent.clock_offset_ns;
    // The engine's threads go on whatever the session is at.
    agent.load->advance_to(now);
    while (!agent.to_agent.empty() && agent.to_agent.front().at_ns <= now_ns_) {
        agent.session->on_message(agent.to_agent.front().payload, now);
        agent.to_agent.pop_front();
    }
    agent.session->on_time(now);
    for (fleet::Message& message : agent.session->take_outgoing()) {
        // As it would be on the wire.
        auto carried = fleet::decode(fleet::encode(message));
        agent.to_coordinator.push_back({now_ns_ + agent.delay_ns, std::move(carried.value())});
    }
}

void SimulatedFleet::step_coordinator() {
    for (std::size_t at = 0; at < agents_.size(); ++at) {
        auto& queue = agents_[at].to_coordinator;
        while (!queue.empty() && queue.front().at_ns <= now_ns_) {
            coordination_->on_message(at, queue.front().payload, now_ns_);
            queue.pop_front();
        }
    }
    coordination_->on_time(now_ns_);
    for (auto& out : coordination_->take_outgoing()) {
        Agent& agent = agents_[out.agent];
        auto carried = fleet::decode(fleet::encode(out.message));
        agent.to_agent.push_back({now_ns_ + agent.delay_ns, std::move(carried.value())});
    }
    for (const std::size_t at : coordination_->take_dropped()) agents_[at].to_coordinator.clear();
}

void SimulatedFleet::step() {
    now_ns_ += step_ns;
    for (Agent& agent : agents_) step_agent(agent);
    if (!coordinator_still_) step_coordinator();
}

void SimulatedFleet::run_for(std::int64_t span_ns) {
    for (const std::int64_t until = now_ns_ + span_ns; now_ns_ < until;) step();
}

bool SimulatedFleet::run_until_end(std::int64_t span_ns) {
    for (const std::int64_t until = now_ns_ + span_ns; now_ns_ < until;) {
        if (coordination_->has_ended()) return true;
        step();
    }
    return coordination_->has_ended();
}

}  // namespace qck::test
