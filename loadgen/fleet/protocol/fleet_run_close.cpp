#include <algorithm>
#include <map>

#include "loadgen/fleet/protocol/fleet_run.hpp"

namespace qck::fleet {
namespace {

using Nanos = std::chrono::nanoseconds;

record::Accounting sum_of(const std::vector<record::Accounting>& phases) {
    record::Accounting sum;
    for (const record::Accounting& phase : phases) sum += phase;
    return sum;
}

/// What is known of a phase of an agent that was lost: its requests, of which it told something.
/// Readings of a moment in between; what has ended was sent, and what was sent and has not is open.
record::Accounting closed(const record::Accounting& told, std::uint64_t expected) {
    record::Accounting known = told;
    const std::uint64_t ended = told.answered + told.failed + told.timed_out;
    known.sent = std::max(told.sent, ended);
    known.in_flight = known.sent - ended;
    known.scheduled = std::max(expected, known.sent + told.unsent);
    known.unsent = known.scheduled - known.sent;
    return known;
}

std::int64_t began_late_ns(const Done& done) {
    std::int64_t latest = 0;
    for (const record::ThreadResult& thread : done.evidence.threads) {
        latest = std::max(latest, static_cast<std::int64_t>(thread.began_late.count()));
    }
    return latest;
}

}  // namespace

std::uint64_t FleetRun::expected_below(const Share& share, std::uint64_t end) const {
    std::uint64_t count = 0;
    for (const Held& held : share.held) {
        count += timetable_.count_before(held.stripe,
                                         std::min({end, held.end, cut_at_, timetable_.end()}));
    }
    return count;
}

void FleetRun::close_lost(Share& share, record::AgentResult& agent) {
    for (std::size_t at = 0; at < share.phases.size(); ++at) {
        record::PhaseResult& phase = result_.phases[at];
        record::Accounting& told = share.phases[at];
        const std::uint64_t expected = order.closed_loop
                                           ? 0
                                           : expected_below(share, timetable_.begin_of(at + 1)) -
                                                 expected_below(share, timetable_.begin_of(at));
        const record::Accounting known = closed(told, expected);
        const std::uint64_t gap = known.unsent - told.unsent;
        phase.accounting.scheduled += known.scheduled - told.scheduled;
        phase.accounting.sent += known.sent - told.sent;
        phase.accounting.unsent += gap;
        phase.accounting.in_flight += known.in_flight - told.in_flight;
        phase.unsent_by[static_cast<std::size_t>(record::Cause::agent_lost)] += gap;
        agent.gap += gap;
        told = known;
    }
    close_series(share, agent.gap);
}

/// Counts the gap in the intervals in which its requests were due, and what was told to be open as
/// ended in that of the loss: nobody waits for it any more.
void FleetRun::close_series(const Share& share, std::uint64_t gap) {
    const std::int64_t interval_ns = frame_.shape().interval_ns;
    for (std::size_t at = 0; at < result_.series.size() && gap > 0; ++at) {
        const auto begin = static_cast<std::int64_t>(at) * interval_ns;
        const std::uint64_t expected =
            expected_below(share, timetable_.place_at(begin + interval_ns)) -
            expected_below(share, timetable_.place_at(begin));
        const bool last = begin + interval_ns >= length_ns();
        const std::uint64_t told = share.scheduled[at];
        const std::uint64_t missing =
            last ? gap : std::min(gap, expected - std::min(told, expected));
        record::Interval& interval = result_.series[at];
        interval.scheduled += missing;
        interval.failed += missing;
        interval.unsent += missing;
        gap -= missing;
    }
    if (result_.series.empty()) return;
    std::uint64_t open = 0;
    for (const std::uint64_t count : share.scheduled) open += count;
    open -= std::min(open, share.ended);
    const std::int64_t lost_ns = std::max<std::int64_t>(share.lost_ns - start_ns, 0);
    const std::size_t at = static_cast<std::size_t>(lost_ns / interval_ns);
    result_.series[std::min(at, result_.series.size() - 1)].failed += open;
}

/// Of the CPUs that several threads are pinned to: together they may fill one that none of them
/// does. Over the whole run.
double FleetRun::fullest_cpu(const std::vector<Member>& members) const {
    std::map<std::pair<std::string, int>, double> filled;
    for (std::size_t at = 0; at < shares.size(); ++at) {
        if (!shares[at].done) continue;
        for (const record::ThreadResult& thread : shares[at].done->evidence.threads) {
            if (thread.cpu >= 0) filled[{members[at].host, thread.cpu}] += thread.cpu_share();
        }
    }
    double fullest = 0;
    for (const auto& [cpu, share] : filled) fullest = std::max(fullest, std::min(share, 1.0));
    return fullest;
}

void FleetRun::add_evidence(const std::vector<Member>& members, Nanos ran) {
    record::GeneratorEvidence& all = result_.generator;
    // Agents of one host count the same segments and packets.
    std::map<std::string, std::uint64_t> retransmits;
    std::map<std::pair<std::string, std::string>, record::InterfaceUse> interfaces;
    std::vector<record::CpuView> views;
    for (std::size_t at = 0; at < shares.size(); ++at) {
        if (!shares[at].done) continue;
        const record::GeneratorEvidence& one = shares[at].done->evidence;
        all.threads.insert(all.threads.end(), one.threads.begin(), one.threads.end());
        all.cpu_share_max = std::max(all.cpu_share_max, one.cpu_share_max);
        all.steal_share = std::max(all.steal_share, one.steal_share);
        all.target_is_here = all.target_is_here || one.target_is_here;
        views.push_back({members[at].host, &one.cpu_stretches});
        all.connections_opened += one.connections_opened;
        all.connections_lost += one.connections_lost;
        all.connections_open_max += one.connections_open_max;
        for (std::size_t cause = 0; cause < record::cause_count; ++cause) {
            all.connect_failed_by[cause] += one.connect_failed_by[cause];
        }
        all.sockets.add(one.sockets);
        for (record::InterfaceUse use : one.interfaces) {
            // As seen by the agent that was at it the longest.
            use.agent = members[at].name;
            record::InterfaceUse& seen = interfaces[{members[at].host, use.name}];
            if (seen.packets <= use.packets) seen = use;
        }
        std::uint64_t& host = retransmits[members[at].host];
        host = std::max(host, one.retransmits);
    }
    for (const auto& [host, count] : retransmits) all.retransmits += count;
    for (const auto& [place, use] : interfaces) all.interfaces.push_back(use);
    all.cpu_share_max = std::max(all.cpu_share_max, fullest_cpu(members));
    all.cpu_stretches = record::worst_of(views);
    all.others_share = record::shares_of(all.cpu_stretches, Nanos(0), ran).others;
}

record::RunResult FleetRun::close(const std::vector<Member>& members,
                                  const std::vector<ClockFilter>& clocks, std::int64_t now_ns,
                                  std::int64_t wall_ms) {
    const bool cut = stopped_ns.has_value();
    if (cut) cut_at_ = place_at(*stopped_ns);
    std::int64_t ran_ns = 0;
    for (std::size_t at = 0; at < shares.size(); ++at) {
        Share& share = shares[at];
        if (share.part == Part::absent) continue;
        record::AgentResult& agent = result_.agents.emplace_back();
        agent.name = members[at].name;
        agent.address = members[at].address;
        agent.share = share.share;
        agent.threads = order.threads != 0 ? order.threads : members[at].threads;
        agent.clock_offset = Nanos(clocks[at].offset_ns());
        agent.clock_uncertainty = Nanos(clocks[at].uncertainty_ns());
        agent.lost = share.part == Part::lost;
        if (agent.lost) {
            agent.lost_why = share.lost_why;
            agent.lost_after = Nanos(std::max<std::int64_t>(share.lost_ns - start_ns, 0));
            close_lost(share, agent);
        }
        if (share.done) {
            agent.reported = true;
            agent.threads = static_cast<std::uint32_t>(share.done->evidence.threads.size());
            agent.start_skew =
                Nanos(began_late_ns(*share.done) + share.offset_used_ns - clocks[at].offset_ns());
            agent.cpu_share_max = share.done->evidence.cpu_share_max;
            agent.steal_share = share.done->evidence.steal_share;
            ran_ns = std::max(ran_ns, share.done->ran_ns);
        }
        agent.accounting = sum_of(share.phases);
    }
    if (ran_ns <= 0) ran_ns = std::max<std::int64_t>(stopped_ns.value_or(now_ns) - start_ns, 0);
    result_.started_wall_ms = wall_ms - (now_ns - start_ns) / 1'000'000;
    add_evidence(members, Nanos(ran_ns));
    frame_.finish(result_, ran_ns, cut);
    return std::move(result_);
}

}  // namespace qck::fleet
