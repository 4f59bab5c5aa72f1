#include "loadgen/report/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"
#include "loadgen/report/answers.hpp"
#include "loadgen/report/blame.hpp"

namespace qck::report {
namespace {

std::int64_t lag_allowed_ns(const record::PhaseResult& phase) {
    const double share =
        send_lag_share_max * static_cast<double>(phase.latency.percentile_ns(0.99));
    const std::int64_t least = std::chrono::nanoseconds(send_lag_max).count();
    return std::max(least, static_cast<std::int64_t>(share));
}

/// What is held against a phase: the p99, or the second latest where there are too few for one.
std::int64_t lag_judged_ns(const record::PhaseResult& phase) {
    const auto sent = static_cast<double>(phase.send_lag.count());
    if (sent < 2) return 0;
    const double share = has_p99(phase) ? 0.99 : (sent - 1) / sent;
    return static_cast<std::int64_t>(phase.send_lag.percentile_ns(share));
}

/// A phase that lacks no whole request lacks nothing, however few it has.
double share_of(std::uint64_t count, double wanted) {
    const auto got = static_cast<double>(count);
    return wanted <= 0 || wanted - got < 1 ? 1 : got / wanted;
}

/// How many requests of a phase there should be: what the plan has; in a closed loop what was sent.
/// Of an interrupted run only what came due and was not cut off.
double wanted_of(const record::PhaseResult& phase, const record::RunResult& run) {
    const record::Accounting& a = phase.accounting;
    if (run.interrupted) {
        const auto ended = static_cast<std::size_t>(record::Cause::run_ended);
        return static_cast<double>(a.scheduled - a.in_flight - phase.unsent_by[ended]);
    }
    if (run.closed_loop) return static_cast<double>(a.sent);
    return phase.target_rate_per_s * std::chrono::duration<double>(phase.duration).count();
}

Shortfall shortfall_of(const record::PhaseResult& phase, const record::RunResult& run) {
    Shortfall shortfall;
    shortfall.phase = &phase;
    const double wanted = wanted_of(phase, run);
    shortfall.answered = share_of(phase.accounting.answered, wanted);
    if (!run.closed_loop && !run.interrupted && phase.overtime.count() > 0) {
        const std::chrono::duration<double> time = phase.duration;
        shortfall.answered *= time / (time + phase.overtime);
        shortfall.behind = shortfall.answered < achieved_share_min;
    }
    // A closed loop that sent nothing measured nothing either.
    if (run.closed_loop && !run.interrupted && phase.accounting.answered == 0) {
        shortfall.answered = 0;
    }
    // Where the accounting does not close, that is what there is to say.
    shortfall.unanswered = phase.accounting.closes() && shortfall.answered < achieved_share_min;
    if (run.closed_loop) return shortfall;
    shortfall.sent = share_of(phase.accounting.sent, wanted);
    shortfall.slow = shortfall.sent < achieved_share_min;
    shortfall.lag_ns = lag_judged_ns(phase);
    shortfall.late = shortfall.lag_ns > lag_allowed_ns(phase);
    return shortfall;
}

std::vector<Shortfall> shortfalls_of(const record::RunResult& run) {
    std::vector<Shortfall> found;
    for (const record::PhaseResult& phase : run.phases) {
        const Shortfall shortfall = shortfall_of(phase, run);
        if (shortfall.slow || shortfall.unanswered || shortfall.late) found.push_back(shortfall);
    }
    // The worst first: the one that sent the least of its share, then the one of which the least
    // was answered, then the one that lagged the most.
    std::stable_sort(found.begin(), found.end(), [](const Shortfall& a, const Shortfall& b) {
        if (a.slow != b.slow) return a.slow;
        if (a.slow && a.sent != b.sent) return a.sent < b.sent;
        if (a.unanswered != b.unanswered) return a.unanswered;
        if (a.unanswered && a.answered != b.answered) return a.answered < b.answered;
        return a.lag_ns > b.lag_ns;
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
    const std::vector<Shortfall> shortfalls = shortfalls_of(run);
    if (shortfalls.empty()) return;
    Blame blame = blame_for(run, plan, shortfalls);
    if (verdict.culprit == Culprit::none) verdict.culprit = blame.culprit;
    verdict.reasons.push_back(std::move(blame.reason));
    for (std::string& advice : blame.advice) verdict.advice.push_back(std::move(advice));
}

/// Of phases too short to have a p99: the one late request that is not held against them.
void note_few(const record::RunResult& run, Verdict& verdict) {
    if (run.closed_loop) return;
    for (const record::PhaseResult& phase : run.phases) {
        const auto latest = static_cast<std::int64_t>(phase.send_lag.max_ns());
        const std::int64_t allowed = lag_allowed_ns(phase);
        if (has_p99(phase) || latest <= allowed || lag_judged_ns(phase) > allowed) continue;
        const std::uint64_t sent = phase.send_lag.count();
        verdict.notes.push_back(
            phase.name + ": " + format_count(sent) + (sent == 1 ? " request" : " requests") +
            " only: too few for a p99; one that was sent " +
            format_duration(std::chrono::nanoseconds(latest)) + " late does not count.");
    }
}

void judge_renewals(const record::RunResult& run, const scenario::Plan& plan, Verdict& verdict) {
    const double asked = plan.new_connections_per_s;
    if (asked <= 0 || !verdict.reasons.empty()) return;
    const double renewed = renewed_per_s(run, plan);
    // Up to all of them may be waiting for their last answers at the end.
    const double seconds = std::chrono::duration<double>(run.duration).count();
    const double under_way = seconds > 0 ? plan.connections / seconds : 0;
    if (renewed + under_way >= achieved_share_min * asked) return;
    verdict.culprit = Culprit::generator;
    verdict.reasons.push_back("only " + format_rate(std::floor(renewed)) + "/s of the " +
                              format_rate(asked) + "/s new connections asked for were opened");
    verdict.advice.emplace_back(
        "A connection is renewed when its last answer has come: raise --connections, or lower "
        "new_connections_per_s.");
}

}  // namespace

bool has_p99(const record::PhaseResult& phase) {
    return phase.send_lag.count() >= requests_for_p99;
}

double renewed_per_s(const record::RunResult& run, const scenario::Plan& plan) {
    const double seconds = std::chrono::duration<double>(run.duration).count();
    const std::uint64_t opened = run.generator.connections_opened;
    if (opened <= plan.connections || !(seconds > 0)) return 0;
    return static_cast<double>(opened - plan.connections) / seconds;
}

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
    judge_answers(run, verdict);
    judge_renewals(run, plan, verdict);
    note_few(run, verdict);
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
