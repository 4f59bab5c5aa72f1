#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/stats/histogram.hpp"
#include "loadgen/record/accounting.hpp"
#include "loadgen/record/cpu_use.hpp"
#include "loadgen/record/network_use.hpp"
#include "loadgen/record/target_arrivals.hpp"

namespace qck::record {

/// One phase: the requests that were due in it, wherever and whenever they ended.
struct PhaseResult {
    std::string name;
    std::chrono::nanoseconds start{};  ///< from the start of the run
    std::chrono::nanoseconds
        duration{};  ///< as planned; what ran of it when the run was interrupted
    /// Requests that the plan has in the phase, per second of it; 0 in closed-loop mode (no
    /// target).
    double target_rate_per_s = 0;
    /// How much longer than the phase its answers took to come, as for a target that falls behind:
    /// the growth of the median latency from the first to the last whole interval of the phase,
    /// never below 0. Requests that timed out are left out: the answers lack them already.
    std::chrono::nanoseconds overtime{};
    /// In a closed loop, of the answered: those that came after the end.
    std::uint64_t answered_after = 0;
    Accounting accounting;
    /// From the due time to the last byte of the response. A request that timed out, stood behind
    /// one that did or stayed unsent is in here with its timeout, one still open at the end with
    /// its age; those that failed otherwise are not, nor what an agent that was lost had open. Its
    /// count is scheduled - failed - (unsent because the run ended or an agent was lost) + (failed
    /// behind a timeout) - (open at an agent that was lost).
    stats::Histogram latency;
    /// From the actual send to the last byte of the response; answered ones only.
    stats::Histogram service;
    /// From the due time to the actual send; sent ones only.
    stats::Histogram send_lag;
    std::map<std::uint16_t, std::uint64_t> status;  ///< of the answered
    /// Of `status`, answers that the plan did not ask for: 400 and above, but for 404 and 410 where
    /// a code was to be unknown, and for what a log that is replayed was refused itself.
    std::map<std::uint16_t, std::uint64_t> unexpected;
    CauseCounts failed_by{};  ///< sums to accounting.failed
    CauseCounts unsent_by{};  ///< sums to accounting.unsent
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;

    /// Requests of the phase that were answered, per second that their answers took to come.
    double achieved_rate_per_s() const {
        return per_s(accounting.answered - answered_after, duration + overtime);
    }
    /// All of `unexpected`.
    std::uint64_t unexpected_count() const {
        std::uint64_t sum = 0;
        for (const auto& [status, count] : unexpected) sum += count;
        return sum;
    }
    /// Requests of the phase that were sent, per second of it.
    double sent_rate_per_s() const { return per_s(accounting.sent, duration); }

private:
    static double per_s(std::uint64_t count, std::chrono::nanoseconds time) {
        const double seconds = std::chrono::duration<double>(time).count();
        return seconds > 0 ? static_cast<double>(count) / seconds : 0;
    }
};

/// All requests of one kind; of an agent that was lost, as far as it had told.
struct KindResult {
    std::uint64_t sent = 0;
    /// Of users. A mix passes over what stays unsent without drawing its kinds.
    std::uint64_t unsent = 0;
    std::uint64_t answered = 0;
    std::uint64_t unexpected = 0;  ///< of `answered`, as PhaseResult::unexpected
    std::uint64_t failed = 0;
    std::uint64_t timed_out = 0;
    stats::Histogram latency;  ///< as PhaseResult::latency, of the above
};

/// One interval of the time series; all have the length RunResult::interval.
struct Interval {
    std::uint64_t scheduled = 0;  ///< due in it
    std::uint64_t sent = 0;       ///< sent in it
    std::uint64_t answered = 0;   ///< answered in it
    /// Failed or timed out in it, given up unsent, or open at an agent that was lost in it.
    std::uint64_t failed = 0;
    CauseCounts failed_by{};         ///< of `failed`: those whose connection or answer failed
    std::uint64_t timed_out = 0;     ///< of `failed`
    std::uint64_t unsent = 0;        ///< of `failed`
    stats::CoarseHistogram latency;  ///< as PhaseResult::latency, of those due in it
};

/// How one worker thread of the generator fared while the load ran.
struct ThreadResult {
    int cpu = -1;                          ///< pinned to; -1 when not
    std::chrono::nanoseconds cpu_time{};   ///< user and system
    std::chrono::nanoseconds spin_time{};  ///< the part of it spent looking at the clock
    std::chrono::nanoseconds wall_time{};
    std::chrono::nanoseconds began_late{};  ///< after the run's first moment
    std::uint64_t wakeups = 0;              ///< times the event loop came back from waiting
    /// How much later than it wanted the event loop woke from a wait that no event ended.
    stats::Histogram wake_lag;
    /// Of one CPU, 0..1, spinning left out: how near the thread was to its limit.
    double cpu_share() const {
        const auto busy = static_cast<double>((cpu_time - spin_time).count());
        return wall_time.count() > 0 ? busy / static_cast<double>(wall_time.count()) : 0;
    }
};

/// What the verdict needs to lay a shortfall to the generator, the network or the target.
struct GeneratorEvidence {
    std::vector<ThreadResult> threads;
    double cpu_share_max = 0;  ///< cpu_share of the busiest second of any thread
    /// Who else had the CPUs that the generator may run on, and those of a target beside it.
    std::vector<CpuStretch> cpu_stretches;
    bool target_is_here = false;      ///< on this machine, so that it may share these CPUs
    bool shares_with_target = false;  ///< both were given all of them (ADR 0212)
    double steal_share = 0;           ///< of these CPUs taken by the hypervisor, 0..1
    double others_share = 0;          ///< likewise run by other processes
    std::uint64_t retransmits = 0;    ///< TCP segments this host sent again while the load ran
    /// The one that leads to the target; of a fleet one for each host and name.
    std::vector<InterfaceUse> interfaces;
    SocketUse sockets;
    std::uint64_t connections_opened = 0;
    std::uint64_t connections_lost = 0;  ///< open ones that ended and were not closed by us
    CauseCounts connect_failed_by{};     ///< attempts to connect, by why they failed
    std::uint32_t connections_open_max = 0;
};

/// Answered redirects (status 301, 302, 307 or 308) per link, and other answers: what reconcile
/// compares with counts.
struct LinkAnswers {
    std::uint64_t hot = 0;
    std::vector<std::uint64_t> tail;  ///< by rank - 1; empty when the plan has no tail
    /// Asked for `{unknown}` or drawn as unknown, and answered 404.
    std::uint64_t unknown = 0;
    /// The rest: paths without a link, and answers that were neither.
    std::uint64_t other = 0;
};

/// One agent of a fleet's run.
struct AgentResult {
    std::string name;
    std::string address;
    double capacity_per_s = 0;  ///< as it calibrated; 0 when it did not
    double share = 0;           ///< of the requests, 0..1, before any were taken over
    std::uint32_t threads = 0;
    std::chrono::nanoseconds clock_offset{};  ///< its monotonic clock ahead of the coordinator's
    std::chrono::nanoseconds clock_uncertainty{};  ///< the offset is off by at most this
    bool reported = false;                         ///< what follows is known
    /// When its last thread began, after the common moment; by the offset as known at the end.
    std::chrono::nanoseconds start_skew{};
    double cpu_share_max = 0;  ///< as in GeneratorEvidence
    double steal_share = 0;
    Accounting accounting;
    bool lost = false;
    std::string lost_why;
    std::chrono::nanoseconds lost_after{};  ///< from the start
    std::uint64_t gap = 0;  ///< of its requests, those that nobody is known to have sent
};

/// Everything that a run measured; the verdict and the reports are computed from it.
struct RunResult {
    bool closed_loop = false;
    bool interrupted = false;  ///< stopped early; phases that never began are absent
    std::int64_t started_wall_ms = 0;
    std::chrono::nanoseconds planned{};  ///< length of the schedule
    std::chrono::nanoseconds
        duration{};  ///< from the first due time until nothing was open any more
    std::vector<PhaseResult> phases;
    std::chrono::nanoseconds interval{};  ///< max(100 ms, total / 600)
    std::vector<Interval> series;         ///< goes on past `planned` while the run drains
    /// By scenario::Plan::requests; empty where there is but one kind.
    std::vector<KindResult> kinds;
    LinkAnswers links;
    GeneratorEvidence generator;
    std::vector<AgentResult> agents;  ///< empty where one process offered all
    /// How the requests arrived, where the target says so and saw all of them.
    std::optional<TargetArrivals> arrivals;

    /// Requests that an agent may have sent before it was lost, though they are counted unsent.
    std::uint64_t gap() const {
        std::uint64_t sum = 0;
        for (const AgentResult& agent : agents) sum += agent.gap;
        return sum;
    }
    Accounting total() const {
        Accounting sum;
        for (const PhaseResult& phase : phases) sum += phase.accounting;
        return sum;
    }
};

/// What an agent has told of a run that goes on.
struct AgentProgress {
    std::string name;
    std::string address;
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint32_t connections_open = 0;
    bool lost = false;
    std::string lost_why;
};

/// A look at a run while it goes: counters of all workers, read without stopping them, so the
/// accounting need not close yet.
struct Progress {
    std::chrono::nanoseconds elapsed{};  ///< below zero while connections are being made
    std::chrono::nanoseconds planned{};
    std::size_t phase = 0;  ///< index into the plan's phases; the last one while draining
    std::chrono::nanoseconds phase_left{};
    bool draining = false;
    double target_rate_per_s = 0;  ///< by the plan, now; 0 in closed-loop mode
    double sent_rate_per_s = 0;    ///< over the last second or so
    double answered_rate_per_s = 0;
    Accounting so_far;
    stats::CoarseHistogram recent;  ///< latencies of what was due in the last second or so
    std::uint32_t connections_open = 0;
    std::uint32_t connections_wanted = 0;
    /// Why connecting fails, most frequent first cause; valid when connect_failures > 0.
    Cause connect_cause = Cause::other;
    std::uint64_t connect_failures = 0;
    std::vector<AgentProgress> agents;  ///< empty where one process offers all
};

}  // namespace qck::record
