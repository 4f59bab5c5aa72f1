#include "loadgen/fleet/protocol/fleet_run.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

namespace qck::fleet {
namespace {

/// So many lanes for each thread that shares are even, and threads of one agent alike.
constexpr std::uint32_t lanes_a_thread = 64;
constexpr std::uint32_t period_min = 1024;
constexpr std::uint32_t period_max = 65'536;

std::uint32_t period_for(const std::vector<Member>& members, std::uint32_t threads) {
    std::uint64_t sum = 0;
    for (const Member& member : members) sum += threads != 0 ? threads : member.threads;
    const std::uint64_t wanted = std::min<std::uint64_t>(sum * lanes_a_thread, period_max);
    return std::bit_ceil(std::max(static_cast<std::uint32_t>(wanted), period_min));
}

/// Whole parts of `whole` by weight, none of those with a weight less than one; for the sum to be
/// `whole` there have to be enough.
std::vector<std::uint32_t> whole_shares(std::uint32_t whole, const std::vector<double>& weights) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    std::vector<std::uint32_t> parts;
    double owed = 0;
    for (const double weight : weights) {
        owed += weight / sum * whole;
        const double part = std::max(std::round(owed), weight > 0 ? 1.0 : 0.0);
        parts.push_back(static_cast<std::uint32_t>(part));
        owed -= part;
    }
    return parts;
}

}  // namespace

FleetRun::FleetRun(Order wanted, std::uint32_t run, std::size_t agents)
    : order(std::move(wanted)),
      id(run),
      shares(agents),
      timetable_(order.plan, order.closed_loop),
      due_(timetable_.curve(), order.plan.arrival, order.plan.seed),
      frame_(order.plan, timetable_, order.closed_loop),
      result_(frame_.empty()) {
    for (Share& share : shares) {
        share.phases.resize(frame_.shape().phases);
        share.scheduled.resize(frame_.shape().intervals);
    }
}

Result<std::vector<Prepare>> FleetRun::share_out(const std::vector<bool>& takes_part,
                                                 const std::vector<Member>& members) {
    std::vector<double> weights(shares.size());
    std::size_t count = 0;
    for (std::size_t at = 0; at < shares.size(); ++at) {
        if (!takes_part[at]) continue;
        weights[at] = order.weights.empty() ? 1 : order.weights[at];
        ++count;
    }
    const schedule::UserTable* const users = timetable_.users();
    if (order.plan.connections < count) {
        return error(Errc::invalid_argument, std::to_string(count) + " agents need at least " +
                                                 std::to_string(count) +
                                                 (users != nullptr ? " users (raise --users)"
                                                                   : " connections (raise "
                                                                     "--connections)"));
    }
    const std::uint32_t period = period_for(members, order.threads);
    const auto lanes = schedule::share_lanes(schedule::all_lanes(period), weights);
    std::vector<double> lane_counts;
    for (const auto& one : lanes) lane_counts.push_back(static_cast<double>(one.size()));
    const auto connections = whole_shares(order.plan.connections, lane_counts);
    std::vector<Prepare> orders(shares.size());
    for (std::size_t at = 0; at < shares.size(); ++at) {
        shares[at].part = takes_part[at] ? Part::preparing : Part::absent;
        shares[at].share = lane_counts[at] / period;
        shares[at].held.push_back({schedule::Stripe(lanes[at], period)});
        Prepare& one = orders[at];
        one.run = id;
        one.plan = order.plan;
        one.plan.connections =
            users != nullptr ? users->users_of(shares[at].held.back().stripe) : connections[at];
        one.plan.connections = std::max(one.plan.connections, 1U);
        one.plan.new_connections_per_s *= shares[at].share;
        one.target = order.target;
        one.api = order.api;
        one.verify_target = order.verify_target;
        one.closed_loop = order.closed_loop;
        one.threads = order.threads;
        one.siblings = static_cast<std::uint32_t>(
            std::count_if(members.begin(), members.end(),
                          [&](const Member& other) { return other.host == members[at].host; }));
        one.lanes = {lanes[at], period, 0};
    }
    return orders;
}

Result<void> FleetRun::add(std::size_t agent, const Progress& progress) {
    if (!record::fits(progress.gain, result_) || progress.connect_cause >= record::cause_count) {
        return error(Errc::invalid_argument, "it told counts that are not of this run");
    }
    record::add(progress.gain, result_);
    Share& share = shares[agent];
    for (const record::PhaseGain& phase : progress.gain.phases) {
        share.phases[phase.phase] += phase.accounting;
    }
    for (const record::IntervalGain& interval : progress.gain.series) {
        share.scheduled[interval.interval] += interval.scheduled;
        share.ended += interval.answered + interval.failed;
    }
    share.connections_open = progress.connections_open;
    share.connect_failures = progress.connect_failures;
    share.connect_cause = static_cast<record::Cause>(progress.connect_cause);
    return {};
}

std::uint64_t FleetRun::place_at(std::int64_t at_ns) {
    // Due times of random arrivals are not the curve's.
    return timetable_.users() != nullptr ? timetable_.place_at(at_ns - start_ns)
                                         : due_.first_due_at(at_ns - start_ns);
}

std::vector<TakeOver> FleetRun::bequeath(std::size_t agent, std::int64_t from_ns,
                                         const std::vector<std::size_t>& heirs) {
    std::vector<TakeOver> words(heirs.size());
    const std::uint64_t from = place_at(from_ns);
    if (heirs.empty() || order.closed_loop || from >= timetable_.end()) return {};
    std::vector<double> weights;
    for (const std::size_t heir : heirs) weights.push_back(shares[heir].share);
    for (Held& held : shares[agent].held) {
        const std::uint64_t first = std::max(held.stripe.first(), from);
        const auto lanes = schedule::share_lanes(held.stripe.lanes(), weights);
        held.end = first;
        for (std::size_t at = 0; at < heirs.size(); ++at) {
            words[at].run = id;
            if (lanes[at].empty()) continue;
            words[at].stripes.push_back({lanes[at], held.stripe.period(), first});
            shares[heirs[at]].held.push_back({words[at].stripes.back().stripe()});
        }
    }
    return words;
}

record::AgentProgress FleetRun::progress_of(const Share& share, const Member& member) {
    record::AgentProgress agent;
    agent.name = member.name;
    agent.address = member.address;
    for (const record::Accounting& phase : share.phases) {
        agent.sent += phase.sent;
        agent.answered += phase.answered;
    }
    agent.lost = share.part == Part::lost;
    agent.lost_why = share.lost_why;
    agent.connections_open = agent.lost ? 0 : share.connections_open;
    return agent;
}

record::Progress FleetRun::progress(const std::vector<Member>& members, std::int64_t now_ns) const {
    record::Progress progress;
    const std::int64_t at = start_ns == 0 ? -1 : now_ns - start_ns;
    progress.elapsed = std::chrono::nanoseconds(at);
    progress.planned = std::chrono::nanoseconds(timetable_.curve().duration_ns());
    progress.phase = timetable_.curve().phase_at(std::max<std::int64_t>(at, 0));
    progress.phase_left = std::chrono::nanoseconds(
        std::max<std::int64_t>(timetable_.curve().end_of_ns(progress.phase) - at, 0));
    progress.draining = at >= timetable_.curve().duration_ns() || stopped_ns.has_value();
    progress.target_rate_per_s = order.closed_loop ? 0 : timetable_.curve().rate_at(at);
    progress.connections_wanted = order.plan.connections;
    record::Accounting& sum = progress.so_far;
    sum = result_.total();
    const std::uint64_t ended = sum.answered + sum.failed + sum.timed_out;
    sum.in_flight = sum.sent > ended ? sum.sent - ended : 0;
    // What agents have not told yet is left out: it would read low.
    constexpr std::int64_t told_after_ns = 700'000'000;
    const std::int64_t interval_ns = frame_.shape().interval_ns;
    const auto known =
        static_cast<std::size_t>(std::max<std::int64_t>(at - told_after_ns, 0) / interval_ns);
    const auto depth =
        static_cast<std::size_t>(std::max<std::int64_t>(1'000'000'000 / interval_ns, 1));
    const std::size_t to = std::min(known, result_.series.size());
    const std::size_t from = to > depth ? to - depth : 0;
    const double seconds = static_cast<double>(to - from) * static_cast<double>(interval_ns) / 1e9;
    for (std::size_t interval = from; interval < to; ++interval) {
        progress.recent.add(result_.series[interval].latency);
        progress.sent_rate_per_s += static_cast<double>(result_.series[interval].sent) / seconds;
        progress.answered_rate_per_s +=
            static_cast<double>(result_.series[interval].answered) / seconds;
    }
    for (std::size_t at = 0; at < shares.size(); ++at) {
        const Share& share = shares[at];
        if (share.part == Part::absent) continue;
        progress.connections_open += share.connections_open;
        progress.connect_failures += share.connect_failures;
        if (share.connect_failures > 0) progress.connect_cause = share.connect_cause;
        progress.agents.push_back(progress_of(share, members[at]));
    }
    return progress;
}

}  // namespace qck::fleet
