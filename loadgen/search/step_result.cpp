#include "loadgen/search/step_result.hpp"

#include <algorithm>
#include <optional>

#include "base/units.hpp"
#include "loadgen/report/answers.hpp"
#include "loadgen/report/blame.hpp"
#include "loadgen/report/verdict.hpp"

namespace qck::search {
namespace {

using report::Culprit;
using report::Slo;

/// Of a step's length: what the send lag's p99 may be for the rate to have been offered.
constexpr double late_share_max = 0.01;
/// Whether shorter lags are a stall's cannot be told from single answers.
constexpr std::int64_t stall_min_ns = 10'000'000;
/// Of the places for requests on the connections: this full on average, some wait.
constexpr double busy_share = 0.7;

bool is_latency(const Slo& slo) {
    return slo.metric != Slo::Metric::errors && slo.metric != Slo::Metric::rate;
}

/// The run as if requests had been due when they were sent. Those that were never answered keep
/// what they have, for the target owes it.
record::RunResult without_wait(const record::RunResult& run) {
    record::RunResult copy;
    for (const record::PhaseResult& phase : run.phases) {
        record::PhaseResult& other = copy.phases.emplace_back(phase);
        if (phase.accounting.answered == phase.accounting.scheduled) other.latency = phase.service;
    }
    return copy;
}

/// On average over the run, by Little's law.
bool connections_were_busy(const record::PhaseResult& phase, const scenario::Plan& plan) {
    const double places = static_cast<double>(plan.connections) * plan.pipeline;
    return phase.sent_rate_per_s() * phase.service.mean_ns() / 1e9 >= busy_share * places;
}

std::int64_t lag_of(const Slo& slo, const record::PhaseResult& phase) {
    double share = slo.metric == Slo::Metric::percentile ? slo.percentile : 0.99;
    if (slo.metric == Slo::Metric::max) share = 1;
    return static_cast<std::int64_t>(phase.send_lag.percentile_ns(share));
}

/// Of an objective that was missed: who kept requests from being sent in time, where that made the
/// difference.
std::optional<report::Blame> spoilt_by_wait(const Slo& slo, const record::RunResult& run,
                                            const scenario::Plan& plan) {
    if (!is_latency(slo) || run.phases.empty()) return std::nullopt;
    if (!report::evaluate(slo, without_wait(run)).pass) return std::nullopt;
    const record::PhaseResult& phase = run.phases.front();
    const std::int64_t lag_ns = lag_of(slo, phase);
    if (lag_ns < stall_min_ns && !connections_were_busy(phase, plan)) {
        return report::Blame{Culprit::generator,
                             "requests waited " +
                                 format_duration(std::chrono::nanoseconds(lag_ns)) +
                                 " to be sent while connections were free",
                             {}};
    }
    report::Shortfall shortfall;
    shortfall.phase = &phase;
    shortfall.late = true;
    shortfall.lag_ns = lag_ns;
    return report::blame_for(run, plan, {shortfall});
}

/// The whole rate was offered and answered, though requests were sent late by a little of the
/// step's length. Lateness only ever adds to latency: objectives that are met so would be met.
bool was_offered(const Step& step, const record::RunResult& run, const scenario::Plan& plan) {
    // Connections that were not renewed as asked for are a load that was not offered.
    if (run.interrupted || run.phases.empty() || plan.new_connections_per_s > 0) return false;
    const record::PhaseResult& phase = run.phases.front();
    const double planned = step.rate_per_s * std::chrono::duration<double>(step.duration).count();
    const auto lag_ns = static_cast<double>(phase.send_lag.percentile_ns(0.99));
    return phase.accounting.closes() && !report::mostly_unexpected(run) &&
           static_cast<double>(phase.accounting.answered) >= report::achieved_share_min * planned &&
           lag_ns <= late_share_max * static_cast<double>(step.duration.count());
}

bool all_pass(const record::RunResult& run, const std::vector<Slo>& objectives) {
    return std::all_of(objectives.begin(), objectives.end(),
                       [&](const Slo& slo) { return report::evaluate(slo, run).pass; });
}

void take_verdict(StepResult& result, const report::Verdict& verdict, bool held_all_the_same) {
    result.verdict = verdict.status;
    if (verdict.status == report::Status::valid) return;
    if (held_all_the_same) return;
    result.culprit = verdict.culprit;
    result.reason = verdict.reasons.front();
    result.outcome = Outcome::missed;
    if (verdict.culprit == Culprit::generator) result.outcome = Outcome::generator;
    if (verdict.status == report::Status::interrupted) result.outcome = Outcome::interrupted;
}

void take_objectives(StepResult& result, const record::RunResult& run, const scenario::Plan& plan,
                     const std::vector<Slo>& objectives) {
    for (const Slo& slo : objectives) {
        const report::Objective objective = report::evaluate(slo, run);
        result.objectives.push_back(objective);
        if (objective.pass || result.outcome != Outcome::held) continue;
        result.outcome = Outcome::missed;
        result.reason = objective.expression + ": " + report::shown_value(objective);
        const auto wait = spoilt_by_wait(slo, run, plan);
        if (!wait) continue;
        result.culprit = wait->culprit;
        result.reason += "; " + wait->reason;
        if (wait->culprit == Culprit::generator) result.outcome = Outcome::generator;
    }
}

}  // namespace

StepResult result_of(const Step& step, const record::RunResult& run, const scenario::Plan& plan,
                     const std::vector<Slo>& objectives) {
    StepResult result;
    result.step = step;
    const report::Report figures = report::make_report(plan, run, {}, {});
    result.accounting = figures.accounting;
    result.latency_us = figures.latency_us;
    result.send_lag_us = figures.send_lag_us;
    result.cpu = figures.generator.cpu;
    result.steal = figures.generator.steal;
    if (!figures.phases.empty()) result.achieved_per_s = figures.phases.front().achieved_rate;
    take_verdict(result, figures.verdict,
                 was_offered(step, run, plan) && all_pass(run, objectives));
    take_objectives(result, run, plan, objectives);
    return result;
}

}  // namespace qck::search
