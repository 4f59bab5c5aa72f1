#include "loadgen/fleet/protocol/agent_session.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "loadgen/fleet/protocol/timing.hpp"

namespace qck::fleet {

void AgentSession::on_message(const Message& message, std::int64_t now_ns) {
    if (over_) return;
    heard_ns_ = now_ns;
    if (const auto* one = std::get_if<Beat>(&message)) {
        beat(*one, now_ns);
    } else if (const auto* one = std::get_if<Prepare>(&message)) {
        prepare(*one, now_ns);
    } else if (const auto* one = std::get_if<Start>(&message)) {
        if (!is_current(one->run) || state_ == State::running) return;
        state_ = State::running;
        told_ns_ = std::max(now_ns, one->at_ns);
        load_.start_at(one->at_ns);
    } else if (const auto* one = std::get_if<TakeOver>(&message)) {
        if (!is_current(one->run)) return;
        for (const Lanes& lanes : one->stripes) load_.take_over(lanes.stripe());
    } else if (const auto* one = std::get_if<AllowEnd>(&message)) {
        if (is_current(one->run)) load_.allow_end();
    } else if (const auto* one = std::get_if<Stop>(&message)) {
        if (is_current(one->run)) load_.stop(one->now);
    } else if (const auto* one = std::get_if<Refusal>(&message)) {
        give_up("the coordinator ended it: " + one->why);
    } else {
        give_up("the coordinator said what only an agent says");
    }
}

void AgentSession::prepare(const Prepare& order, std::int64_t now_ns) {
    load_.abandon();
    run_ = order.run;
    lease_until_ns_ = 0;
    told_ns_ = now_ns;
    if (auto prepared = load_.prepare(order); !prepared) {
        state_ = State::idle;
        outgoing_.emplace_back(Failed{run_, prepared.error().message});
        return;
    }
    state_ = State::warming;
}

void AgentSession::beat(const Beat& beat, std::int64_t now_ns) {
    outgoing_.emplace_back(Pulse{beat.sent_ns, now_ns, now_ns});
    if (beat.lease_until_ns <= lease_until_ns_) return;
    lease_until_ns_ = beat.lease_until_ns;
    if (state_ != State::idle) load_.set_lease(lease_until_ns_);
}

void AgentSession::on_time(std::int64_t now_ns) {
    if (over_) return;
    // The load has stopped by itself by then; this is only to say so.
    const bool lapsed =
        state_ == State::running && lease_until_ns_ != 0 && now_ns >= lease_until_ns_;
    if (lapsed || now_ns - heard_ns_ > silence_max.count()) {
        give_up("nothing was heard from the coordinator for " +
                format_duration(std::chrono::nanoseconds(now_ns - heard_ns_)));
        return;
    }
    switch (state_) {
        case State::idle:
        case State::ready:
            return;
        case State::warming:
            if (!load_.is_warm()) return;
            state_ = State::ready;
            outgoing_.emplace_back(Ready{run_});
            return;
        case State::running:
            break;
    }
    if (load_.has_ended()) {
        end_run();
    } else if (now_ns - told_ns_ >= tell_every.count()) {
        told_ns_ = now_ns;
        tell(load_.take_gain(false));
    }
}

void AgentSession::tell(record::Gain gain) {
    std::vector<record::Gain> pieces = record::in_pieces(std::move(gain));
    if (pieces.empty()) pieces.emplace_back();
    for (record::Gain& piece : pieces) {
        Progress progress;
        progress.run = run_;
        progress.gain = std::move(piece);
        load_.describe(progress);
        outgoing_.emplace_back(std::move(progress));
    }
}

void AgentSession::end_run() {
    state_ = State::idle;
    auto done = load_.finish();
    if (!done) {
        outgoing_.emplace_back(Failed{run_, done.error().message});
        load_.abandon();
        return;
    }
    // After finish(), when no thread writes any more.
    tell(load_.take_gain(true));
    done->run = run_;
    auto& stretches = done->evidence.cpu_stretches;
    stretches = record::coarsened(std::move(stretches), cpu_stretches_max);
    outgoing_.emplace_back(std::move(*done));
    load_.abandon();
    ++runs_done_;
}

void AgentSession::give_up(std::string why) {
    over_ = std::move(why);
    state_ = State::idle;
    load_.abandon();
}

std::vector<Message> AgentSession::take_outgoing() { return std::exchange(outgoing_, {}); }

}  // namespace qck::fleet
