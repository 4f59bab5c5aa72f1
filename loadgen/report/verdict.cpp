#include "loadgen/report/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"
#include "loadgen/report/blame.hpp"

namespace qck::report {
namespace {

std::int64_t lag_allowed_ns(const record::PhaseResult& phase) {
    const double share =
        send_lag_share_max * static_cast<double>(phase.latency.percentile_ns(0.99));
    const std::int64_t least = std::chrono::nanoseconds(send_lag_max).count();
    return std::max(least, static_cast<std::int64_t>(share));
}

/// Sent over what the plan has; 1 where there is no target. A phase that lacks no whole request
/// lacks nothing, however few it has. Of an interrupted run only what came due was wanted.
double achieved_share(const record::PhaseResult& phase, bool interrupted) {
    const double seconds = std::chrono::duration<double>(phase.duration).count();
    const double wanted = interrupted ? static_cast<double>(phase.accounting.scheduled)
                                      : phase.target_rate_per_s * seconds;
    const auto sent = static_cast<double>(phase.accounting.sent);
    return wanted <= 0 || wanted - sent < 1 ? 1 : sent / wanted;
}

std::vector<Shortfall> shortfalls_of(const record::RunResult& run) {
    std::vector<Shortfall> found;
    for (const record::PhaseResult& phase : run.phases) {
        Shortfall shortfall;
        shortfall.phase = &phase;
        shortfall.achieved = achieved_share(phase, run.interrupted);
        shortfall.slow = shortfall.achieved < achieved_share_min;
        shortfall.lag_p99_ns = static_cast<std::int64_t>(phase.send_lag.percentile_ns(0.99));
        shortfall.late = shortfall.lag_p99_ns > lag_allowed_ns(phase);
        if (shortfall.slow || shortfall.late) found.push_back(shortfall);
    }
    // The worst first: the one that sent the least of its share, then the one that lagged the most.
    std::stable_sort(found.begin(), found.end(), [](const Shortfall& a, const Shortfall& b) {
        if (a.slow != b.slow) return a.slow;
        if (a.slow && a.achieved != b.achieved) return a.achieved < b.achieved;
        return a.lag_p99_ns > b.lag_p99_ns;
    });
    return found;
}

void judge_accounting(const record::RunResult& run, Verdict& verdict) {
    for (const record::PhaseResult& phase : run.phases) {
        const record::Accounting& a = phase.accounting;
        if (a.closes()) continue;
        verdict.culprit = Culprit::generator;
        verdict.reasons.push_back(
            "the accounting of " + phase.name + " does not close (scheduled " +
            format_count(a.scheduled) + ", sent " + format_count(a.sent) + ", unsent " +
            format_count(a.unsent) + ", answered " + format_count(a.answered) + ", failed " +
            format_count(a.failed) + ", timed out " + format_count(a.timed_out) + ", in flight " +
            format_count(a.in_flight) + ")");
        verdict.advice.emplace_back("This is a defect of qck: please report it with report.json.");
        return;
    }
}

void judge_pace(const record::RunResult& run, const scenario::Plan& plan, Verdict& verdict) {
    if (run.closed_loop) return;
    const std::vector<Shortfall> shortfalls = shortfalls_of(run);
    if (shortfalls.empty()) return;
    Blame blame = blame_for(run, plan, shortfalls);
    if (verdict.culprit == Culprit::none) verdict.culprit = blame.culprit;
    verdict.reasons.push_back(std::move(blame.reason));
    for (std::string& advice : blame.advice) verdict.advice.push_back(std::move(advice));
}

}  // namespace

std::string_view to_string(Status status) {
    switch (status) {
        case Status::valid:
            return "VALID";
        case Status::invalid:
            return "INVALID";
        case Status::interrupted:
            return "INTERRUPTED";
    }
    return "";
}

std::string_view to_string(Culprit culprit) {
    switch (culprit) {
        case Culprit::none:
            return "";
        case Culprit::generator:
            return "generator";
        case Culprit::network:
            return "network";
        case Culprit::target:
            return "target";
    }
    return "";
}

Verdict judge(const record::RunResult& run, const scenario::Plan& plan) {
    Verdict verdict;
    judge_accounting(run, verdict);
    judge_pace(run, plan, verdict);
    if (!verdict.reasons.empty()) verdict.status = Status::invalid;
    if (run.interrupted) {
        verdict.status = Status::interrupted;
        verdict.reasons.insert(verdict.reasons.begin(),
                               "stopped after " +
                                   format_duration(std::min(run.duration, run.planned)) + " of " +
                                   format_duration(run.planned));
    }
    return verdict;
}

}  // namespace qck::report
