#include "loadgen/fleet/protocol/coordination.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "loadgen/fleet/protocol/fleet_run.hpp"
#include "loadgen/fleet/protocol/timing.hpp"

namespace qck::fleet {
namespace {

using Stage = FleetRun::Stage;
using Part = FleetRun::Part;

/// Added to a lease's end before others go on: for what rounding and ticks make of it.
constexpr std::int64_t lease_margin_ns = 5'000'000;
/// What is open at the end is waited for until its timeout, and the last counts come in this.
constexpr std::int64_t ending_margin_ns = 5'000'000'000;

}  // namespace

Coordination::Coordination(std::vector<Member> members, std::int64_t now_ns)
    : members_(std::move(members)), links_(members_.size()) {
    // The first beat at once: pulses may still come of beats that were sent before, while others
    // were waited for.
    for (std::size_t at = 0; at < links_.size(); ++at) {
        links_[at].heard_ns = now_ns;
        send_beat(at, now_ns);
    }
}
Coordination::~Coordination() = default;
Coordination::Coordination(Coordination&&) noexcept = default;

std::size_t Coordination::alive() const {
    return static_cast<std::size_t>(
        std::count_if(links_.begin(), links_.end(), [](const Link& link) { return link.alive; }));
}

bool Coordination::clocks_settled() const {
    return std::all_of(links_.begin(), links_.end(),
                       [](const Link& link) { return !link.alive || link.clock.is_settled(); });
}

bool Coordination::is_running(std::size_t agent) const {
    if (!run_ || !links_[agent].alive) return false;
    return run_->shares[agent].part == Part::running;
}

std::vector<std::size_t> Coordination::working() const {
    std::vector<std::size_t> agents;
    for (std::size_t at = 0; at < links_.size(); ++at) {
        if (is_running(at)) agents.push_back(at);
    }
    return agents;
}

void Coordination::send(std::size_t agent, Message message) {
    if (links_[agent].alive) outgoing_.push_back({agent, std::move(message)});
}

void Coordination::send_beat(std::size_t agent, std::int64_t now_ns) {
    Link& link = links_[agent];
    link.beat_ns = now_ns;
    Beat beat{now_ns, 0};
    if (is_running(agent) && link.answered_beat_ns != 0) {
        link.lease_until_ns =
            std::max(link.lease_until_ns, link.answered_beat_ns + std::int64_t{lease.count()});
        beat.lease_until_ns = link.lease_until_ns + link.clock.offset_ns();
    }
    send(agent, beat);
}

void Coordination::on_pulse(std::size_t agent, const Pulse& pulse, std::int64_t now_ns) {
    Link& link = links_[agent];
    if (pulse.beat_sent_ns > link.beat_ns || pulse.beat_sent_ns <= 0) {
        drop(agent, "it answered what was not asked", now_ns);
        return;
    }
    link.clock.add(pulse.beat_sent_ns, pulse.received_ns, pulse.answered_ns, now_ns);
    link.answered_beat_ns = std::max(link.answered_beat_ns, pulse.beat_sent_ns);
    if (!link.clock.is_settled()) send_beat(agent, now_ns);
}

void Coordination::on_message(std::size_t agent, const Message& message, std::int64_t now_ns) {
    if (!links_[agent].alive) return;
    links_[agent].heard_ns = now_ns;
    if (const auto* one = std::get_if<Pulse>(&message)) {
        on_pulse(agent, *one, now_ns);
        return;
    }
    if (const auto* one = std::get_if<Refusal>(&message)) {
        drop(agent, one->why, now_ns);
        return;
    }
    // Words about a run that is over came too late to matter.
    const auto share_of = [&](std::uint32_t run) {
        return run_ && run_->id == run ? &run_->shares[agent] : nullptr;
    };
    if (const auto* one = std::get_if<Ready>(&message)) {
        auto* const share = share_of(one->run);
        if (share != nullptr && share->part == Part::preparing) share->part = Part::ready;
    } else if (const auto* one = std::get_if<Progress>(&message)) {
        auto* const share = share_of(one->run);
        if (share == nullptr || share->part != Part::running) return;
        if (auto added = run_->add(agent, *one); !added) drop(agent, added.error().message, now_ns);
    } else if (const auto* one = std::get_if<Done>(&message)) {
        auto* const share = share_of(one->run);
        if (share == nullptr || share->part != Part::running) return;
        if (run_->stage == Stage::running && !run_->stopped_ns) {
            drop(agent, "it ended its run early", now_ns);
            return;
        }
        share->part = Part::done;
        share->done = *one;
    } else if (const auto* one = std::get_if<Failed>(&message)) {
        if (share_of(one->run) != nullptr) drop(agent, one->why, now_ns);
    } else {
        drop(agent, "it said what only a coordinator says", now_ns);
    }
}

void Coordination::drop(std::size_t agent, const std::string& why, std::int64_t now_ns) {
    if (!links_[agent].alive) return;
    dropped_.push_back(agent);
    on_lost(agent, why, now_ns);
}

void Coordination::on_lost(std::size_t agent, const std::string& why, std::int64_t now_ns) {
    if (!links_[agent].alive) return;
    const bool was_running = is_running(agent);
    links_[agent].alive = false;
    last_loss_ = "agent " + members_[agent].name + ": " + why;
    if (!run_ || run_->stage == Stage::ended) return;
    FleetRun::Share& share = run_->shares[agent];
    if (share.part == Part::done || share.part == Part::lost) return;
    share.part = Part::lost;
    share.lost_why = why;
    share.lost_ns = now_ns;
    share.connections_open = 0;
    if (run_->stage == Stage::preparing) {
        run_->failure = error(Errc::unavailable, last_loss_);
        run_->stage = Stage::ended;
    } else if (was_running) {
        hand_over(agent, now_ns);
    }
}

void Coordination::hand_over(std::size_t agent, std::int64_t now_ns) {
    if (run_->stage != Stage::running || run_->stopped_ns) return;
    const std::vector<std::size_t> heirs = working();
    if (heirs.empty()) {
        run_->stopped_ns = now_ns;
        return;
    }
    const Link& link = links_[agent];
    std::int64_t trip_ns = 0;
    for (const std::size_t heir : heirs) trip_ns = std::max(trip_ns, links_[heir].clock.trip_ns());
    const std::int64_t from_ns =
        std::max(now_ns + trip_ns + 2 * lease_margin_ns,
                 link.lease_until_ns + link.clock.uncertainty_ns() + lease_margin_ns);
    auto words = run_->bequeath(agent, from_ns, heirs);
    for (std::size_t at = 0; at < words.size(); ++at) {
        if (!words[at].stripes.empty()) send(heirs[at], std::move(words[at]));
    }
}

void Coordination::check_silence(std::size_t agent, std::int64_t now_ns) {
    const Link& link = links_[agent];
    const std::int64_t silent_ns = now_ns - link.heard_ns;
    const bool lapsed = is_running(agent) && link.lease_until_ns != 0 &&
                        now_ns > link.lease_until_ns + lease_margin_ns;
    if (!lapsed && silent_ns <= silence_max.count()) return;
    drop(agent,
         "nothing was heard from it for " + format_duration(std::chrono::nanoseconds(silent_ns)),
         now_ns);
}

void Coordination::start_when_ready(std::int64_t now_ns) {
    std::int64_t trip_ns = 0;
    for (std::size_t at = 0; at < links_.size(); ++at) {
        const Part part = run_->shares[at].part;
        if (part == Part::ready) trip_ns = std::max(trip_ns, links_[at].clock.trip_ns());
        if (part != Part::preparing) continue;
        if (now_ns < run_->deadline_ns) return;
        drop(at, "it was not ready within " + format_duration(ready_within), now_ns);
        return;
    }
    run_->start_ns = now_ns + std::max<std::int64_t>(lead_min.count(), 4 * trip_ns);
    run_->stage = Stage::running;
    for (std::size_t at = 0; at < links_.size(); ++at) {
        FleetRun::Share& share = run_->shares[at];
        if (share.part != Part::ready) continue;
        share.part = Part::running;
        share.offset_used_ns = links_[at].clock.offset_ns();
        // The lease first: nothing is sent without one.
        send_beat(at, now_ns);
        send(at, Start{run_->id, run_->start_ns + share.offset_used_ns});
    }
}

void Coordination::allow_end_when_due(std::int64_t now_ns) {
    if (run_->stage == Stage::running) {
        if (now_ns < run_->start_ns + run_->length_ns() && !run_->stopped_ns) return;
        run_->stage = Stage::ending;
        run_->deadline_ns = now_ns + run_->order.plan.timeout.count() + ending_margin_ns;
        for (const std::size_t at : working()) send(at, AllowEnd{run_->id});
    }
    const std::vector<std::size_t> left = working();
    if (left.empty()) {
        run_->stage = Stage::ended;
    } else if (now_ns > run_->deadline_ns) {
        for (const std::size_t at : left) drop(at, "it did not end in time", now_ns);
    }
}

void Coordination::on_time(std::int64_t now_ns) {
    for (std::size_t at = 0; at < links_.size(); ++at) {
        if (!links_[at].alive) continue;
        check_silence(at, now_ns);
        if (now_ns - links_[at].beat_ns >= beat_every.count()) send_beat(at, now_ns);
    }
    if (!run_) return;
    if (run_->stage == Stage::preparing) start_when_ready(now_ns);
    if (run_->stage == Stage::running || run_->stage == Stage::ending) allow_end_when_due(now_ns);
}

Result<void> Coordination::begin(Order order, std::int64_t now_ns) {
    std::vector<bool> takes_part;
    for (const Link& link : links_) takes_part.push_back(link.alive);
    run_ = std::make_unique<FleetRun>(std::move(order), ++runs_, links_.size());
    auto orders = run_->share_out(takes_part, members_);
    if (!orders) {
        run_.reset();
        return orders.error();
    }
    run_->deadline_ns = now_ns + ready_within.count();
    for (std::size_t at = 0; at < links_.size(); ++at) {
        links_[at].lease_until_ns = 0;
        send(at, std::move((*orders)[at]));
    }
    if (alive() == 0) {
        run_->failure = error(Errc::unavailable, last_loss_);
        run_->stage = Stage::ended;
    }
    return {};
}

bool Coordination::has_ended() const { return !run_ || run_->stage == Stage::ended; }

void Coordination::stop(bool now, std::int64_t now_ns) {
    if (has_ended()) return;
    if (run_->stage == Stage::preparing) {
        run_->failure = error(Errc::unavailable, "interrupted before the agents were ready");
        run_->stage = Stage::ended;
        return;
    }
    if (run_->stopped_ns && (run_->stopped_at_once || !now)) return;
    if (!run_->stopped_ns) run_->stopped_ns = std::max(now_ns, run_->start_ns);
    run_->stopped_at_once = now;
    for (const std::size_t at : working()) send(at, Stop{run_->id, now});
}

record::Progress Coordination::progress(std::int64_t now_ns) const {
    return run_ ? run_->progress(members_, now_ns) : record::Progress{};
}

Result<record::RunResult> Coordination::finish(std::int64_t now_ns, std::int64_t wall_ms) {
    const std::unique_ptr<FleetRun> run = std::move(run_);
    if (!run) return error(Errc::internal, "no run was begun");
    if (run->failure) return *run->failure;
    std::vector<ClockFilter> clocks;
    for (const Link& link : links_) clocks.push_back(link.clock);
    return run->close(members_, clocks, now_ns, wall_ms);
}

std::vector<Coordination::Outgoing> Coordination::take_outgoing() {
    return std::exchange(outgoing_, {});
}

std::vector<std::size_t> Coordination::take_dropped() { return std::exchange(dropped_, {}); }

}  // namespace qck::fleet
