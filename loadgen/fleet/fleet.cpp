#include "loadgen/fleet/fleet.hpp"

#include <poll.h>

#include <algorithm>

#include "base/clock.hpp"
#include "loadgen/fleet/gathering.hpp"
#include "loadgen/fleet/protocol/timing.hpp"

namespace qck::fleet {
namespace {

constexpr std::chrono::nanoseconds step_max = std::chrono::milliseconds(10);
constexpr std::chrono::nanoseconds settled_within = std::chrono::seconds(10);

}  // namespace

Fleet::Fleet(std::vector<Greeted> agents) {
    std::vector<Member> members;
    for (Greeted& agent : agents) {
        // Two may have one name: hosts made from one image.
        const auto same = [&](const Member& other) { return other.name == agent.member.name; };
        const std::string name = agent.member.name;
        for (int next = 2; std::any_of(members.begin(), members.end(), same); ++next) {
            agent.member.name = name + "#" + std::to_string(next);
        }
        members.push_back(agent.member);
        peers_.emplace_back(std::move(agent.peer));
    }
    coordination_.emplace(std::move(members), monotonic_ns());
}

Fleet::~Fleet() = default;

Result<std::unique_ptr<Fleet>> Fleet::gather(FleetConfig config,
                                             const std::function<bool()>& interrupted) {
    auto agents = Gathering(config).run(interrupted);
    if (!agents) return agents.error();
    config.listener.reset();
    std::unique_ptr<Fleet> fleet(new Fleet(std::move(*agents)));
    if (auto settled = fleet->settle_clocks(interrupted); !settled) return settled.error();
    return fleet;
}

Result<void> Fleet::settle_clocks(const std::function<bool()>& interrupted) {
    const std::int64_t until_ns = monotonic_ns() + settled_within.count();
    while (!coordination_->clocks_settled() && !interrupted()) {
        if (monotonic_ns() > until_ns) {
            return error(Errc::timed_out, "the agents' clocks could not be compared within 10 s");
        }
        step(step_max);
    }
    if (coordination_->alive() < peers_.size()) {
        return error(Errc::unavailable, coordination_->last_loss());
    }
    return {};
}

void Fleet::send_outgoing() {
    for (const Coordination::Outgoing& out : coordination_->take_outgoing()) {
        if (peers_[out.agent]) peers_[out.agent]->send(out.message);
    }
    // Closed after what was to be said: an agent that is told nothing more stops by itself.
    for (const std::size_t agent : coordination_->take_dropped()) peers_[agent].reset();
}

void Fleet::step(std::chrono::nanoseconds span) {
    std::vector<pollfd> watched;
    for (const auto& peer : peers_) {
        watched.push_back({peer ? peer->fd() : -1, peer ? peer->poll_events() : short{0}, 0});
    }
    const timespec timeout{0, std::clamp<std::int64_t>(span.count(), 0, step_max.count())};
    ::ppoll(watched.data(), watched.size(), &timeout, nullptr);
    for (std::size_t at = 0; at < peers_.size(); ++at) {
        if (!peers_[at] || watched[at].revents == 0) continue;
        std::vector<Message> messages;
        const auto received = peers_[at]->receive(messages);
        // Read after the bytes were there: the way back ends now, not when the poll began.
        for (const Message& message : messages) {
            coordination_->on_message(at, message, monotonic_ns());
        }
        if (!received) {
            coordination_->on_lost(at, received.error().message, monotonic_ns());
            peers_[at].reset();
        }
    }
    coordination_->on_time(monotonic_ns());
    send_outgoing();
}

Result<void> Fleet::begin(Order order) {
    auto begun = coordination_->begin(std::move(order), monotonic_ns());
    send_outgoing();
    return begun;
}

bool Fleet::wait_for(std::chrono::nanoseconds span) {
    const std::int64_t until_ns = monotonic_ns() + span.count();
    while (!coordination_->has_ended()) {
        const std::int64_t left_ns = until_ns - monotonic_ns();
        if (left_ns <= 0) return false;
        step(std::chrono::nanoseconds(left_ns));
    }
    return true;
}

record::Progress Fleet::progress() const { return coordination_->progress(monotonic_ns()); }

void Fleet::stop_early() {
    coordination_->stop(false, monotonic_ns());
    send_outgoing();
}

void Fleet::stop_now() {
    coordination_->stop(true, monotonic_ns());
    send_outgoing();
}

Result<record::RunResult> Fleet::finish() {
    while (!wait_for(std::chrono::seconds(1))) {
    }
    return coordination_->finish(monotonic_ns(), wall_ms());
}

}  // namespace qck::fleet
