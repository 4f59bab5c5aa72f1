#include "loadgen/report/burst.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"

namespace qck::report {
namespace {

constexpr double objective_least_ns = 1e6;
constexpr std::uint64_t answers_for_rate = 100;
/// Fewer whole intervals than this have no quarters.
constexpr std::size_t intervals_least = 4;
/// A latency that grows or falls in proportion to time has 1.4 between the middles of two quarters.
constexpr double at_rest_max = 1.25;

double in_seconds(std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
}

/// The middle of values, the upper one of two; 0 of none.
double median(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// A phase within the time series.
struct Span {
    const record::PhaseResult* phase = nullptr;
    std::size_t first = 0;  ///< its first whole interval
    std::size_t past = 0;   ///< after its last
    std::chrono::nanoseconds end() const { return phase->start + phase->duration; }
};

Span span_of(const record::PhaseResult& phase, const record::RunResult& run) {
    Span span;
    span.phase = &phase;
    const auto length = run.interval;
    const auto size = static_cast<std::int64_t>(run.series.size());
    const std::int64_t first = (phase.start + length - std::chrono::nanoseconds(1)) / length;
    const std::int64_t past = (phase.start + phase.duration) / length;
    span.past = static_cast<std::size_t>(std::min(past, size));
    span.first = std::min(static_cast<std::size_t>(first), span.past);
    return span;
}

/// The open requests at the end of each interval.
std::vector<std::uint64_t> backlogs_of(const record::RunResult& run) {
    std::vector<std::uint64_t> backlogs;
    std::uint64_t due = 0;
    std::uint64_t ended = 0;
    for (const record::Interval& at : run.series) {
        due += at.scheduled;
        ended += at.answered + at.failed;
        backlogs.push_back(due > ended ? due - ended : 0);
    }
    return backlogs;
}

/// What a latency objective looks at, in nanoseconds; nothing of an interval without requests.
std::optional<double> measure(const Slo& slo, const record::Interval& at) {
    if (at.latency.count() == 0) return std::nullopt;
    if (slo.metric == Slo::Metric::mean) return at.latency.mean_ns();
    if (slo.metric == Slo::Metric::max) return static_cast<double>(at.latency.max_ns());
    return static_cast<double>(at.latency.percentile_ns(slo.percentile));
}

bool bounds_latency(const Slo& slo) {
    return slo.metric == Slo::Metric::percentile || slo.metric == Slo::Metric::mean ||
           slo.metric == Slo::Metric::max;
}

bool misses(const Slo& slo, const record::Interval& at) {
    const auto value = measure(slo, at);
    if (!value) return false;
    return slo.order == Slo::Order::below ? *value >= slo.bound : *value > slo.bound;
}

double percentile_us(const record::Interval& at, double share) {
    return static_cast<double>(at.latency.percentile_ns(share)) / 1e3;
}

std::vector<double> over(const record::RunResult& run, std::size_t first, std::size_t past,
                         double share) {
    std::vector<double> values;
    for (std::size_t i = first; i < past; ++i) {
        if (run.series[i].latency.count() > 0)
            values.push_back(percentile_us(run.series[i], share));
    }
    return values;
}

/// Sets what is known of a phase that came to rest, and whether it did.
void settle(const scenario::Plan& plan, const record::RunResult& run, const Span& span,
            std::size_t index, StepReport& step) {
    if (index >= plan.phases.size() || plan.phases[index].shape != scenario::Shape::constant) {
        return;
    }
    if (span.past - span.first < intervals_least) return;
    const std::size_t half = span.first + (span.past - span.first) / 2;
    const std::size_t quarter = half + (span.past - half) / 2;
    const auto third = over(run, half, quarter, 0.5);
    const auto fourth = over(run, quarter, span.past, 0.5);
    if (third.empty() || fourth.empty()) return;
    const auto [low, high] = std::minmax({median(third), median(fourth)});
    step.settled = high <= at_rest_max * low || high * 1e3 < objective_least_ns;
    if (!step.settled) return;
    step.settled_p99_us = median(over(run, half, span.past, 0.99));
    std::vector<double> answered;
    for (std::size_t i = half; i < span.past; ++i) {
        answered.push_back(static_cast<double>(run.series[i].answered));
    }
    step.settled_rate = median(std::move(answered)) / in_seconds(run.interval);
}

void set_peaks(const record::RunResult& run, const Span& span, StepReport& step) {
    std::uint64_t answered_most = 0;
    for (std::size_t i = span.first; i < span.past; ++i) {
        step.p99_peak_us = std::max(step.p99_peak_us, percentile_us(run.series[i], 0.99));
        answered_most = std::max(answered_most, run.series[i].answered);
    }
    const double seconds = in_seconds(run.interval);
    step.rate_peak = static_cast<double>(answered_most) / seconds;
    if (!step.settled) return;
    const auto beyond = [](double peak, double settled) {
        return std::max(peak / settled - 1, 0.0);
    };
    if (step.settled_p99_us > 0) step.p99_overshoot = beyond(step.p99_peak_us, step.settled_p99_us);
    if (step.settled_rate * seconds >= answers_for_rate) {
        step.rate_overshoot = beyond(step.rate_peak, step.settled_rate);
    }
}

/// The objective of a phase; nothing when none was given and nothing settled.
std::optional<Slo> objective_for(const std::string& phase, const std::vector<Slo>& objectives,
                                 const std::vector<StepReport>& steps, std::string& from) {
    for (const Slo& slo : objectives) {
        if (!bounds_latency(slo) || !(slo.phase.empty() || slo.phase == phase)) continue;
        from = "--slo";
        return slo;
    }
    const StepReport* calm = nullptr;
    for (const StepReport& step : steps) {
        if (!step.settled || !(step.settled_p99_us > 0)) continue;
        if (calm == nullptr || step.settled_p99_us > calm->settled_p99_us) calm = &step;
    }
    if (calm == nullptr) return std::nullopt;
    Slo slo;
    slo.percentile = 0.99;
    slo.bound = std::max(2 * calm->settled_p99_us * 1e3, objective_least_ns);
    slo.expression = "p99 < " + format_duration(std::chrono::nanoseconds(std::llround(slo.bound)));
    from = slo.bound > objective_least_ns ? "twice the settled p99 of " + calm->phase
                                          : "the least, since no --slo names a latency";
    return slo;
}

void set_objective(const record::RunResult& run, const Span& span, const std::optional<Slo>& slo,
                   StepReport& step) {
    step.back_within_s = 0;
    if (!slo) return;
    step.objective = slo->expression;
    for (std::size_t i = span.first; i < span.past; ++i) {
        if (!misses(*slo, run.series[i])) continue;
        step.outside_s += in_seconds(run.interval);
        if (i + 1 == span.past) {
            step.back_within_s.reset();
        } else {
            step.back_within_s =
                in_seconds(run.interval * static_cast<std::int64_t>(i + 1) - span.phase->start);
        }
    }
}

std::uint64_t allowed(double rate_per_s, const std::optional<Slo>& slo) {
    const double open = rate_per_s * (slo ? slo->bound : objective_least_ns) / 1e9;
    return static_cast<std::uint64_t>(std::max(std::ceil(open), 1.0));
}

/// When the interval of that index ends.
double end_s(const record::RunResult& run, std::size_t index) {
    return in_seconds(run.interval * static_cast<std::int64_t>(index + 1));
}

void set_backlog(const record::RunResult& run, const Span& span,
                 const std::vector<std::uint64_t>& backlogs, StepReport& step) {
    const auto begin = static_cast<std::size_t>(span.phase->start / run.interval);
    if (begin > 0 && begin <= backlogs.size()) step.backlog_before = backlogs[begin - 1];
    // The interval that the phase ends in is looked at too: the step may lie within it.
    const auto end = static_cast<std::size_t>(
        (span.end() + run.interval - std::chrono::nanoseconds(1)) / run.interval);
    for (std::size_t i = begin; i < std::min(end, backlogs.size()); ++i) {
        if (backlogs[i] <= step.backlog_max) continue;
        step.backlog_max = backlogs[i];
        step.backlog_max_after_s = end_s(run, i) - step.at_s;
    }
}

/// What may be open at the end of each interval, by the phase that it lies in; after the last that
/// of the last.
std::vector<std::uint64_t> allowances(const record::RunResult& run,
                                      const std::vector<StepReport>& steps) {
    std::vector<std::uint64_t> out;
    std::size_t at = 0;
    for (std::size_t i = 0; i < run.series.size(); ++i) {
        while (at + 1 < steps.size() && steps[at + 1].at_s < end_s(run, i)) ++at;
        out.push_back(steps[at].backlog_allowed);
    }
    return out;
}

void set_drain(const record::RunResult& run, const std::vector<std::uint64_t>& backlogs,
               const std::vector<std::uint64_t>& may_be_open, StepReport& step) {
    step.drain_s = 0;
    if (!step.had_backlog()) return;
    step.drain_s.reset();
    const double most_at = step.at_s + step.backlog_max_after_s;
    for (std::size_t i = 0; i < backlogs.size(); ++i) {
        if (end_s(run, i) <= most_at || backlogs[i] > may_be_open[i]) continue;
        step.drain_s = end_s(run, i) - most_at;
        return;
    }
}

std::string seconds_text(double seconds) {
    return format_duration(std::chrono::nanoseconds(std::llround(seconds * 1e9)));
}

}  // namespace

std::vector<StepReport> steps_of(const scenario::Plan& plan, const record::RunResult& run,
                                 const std::vector<Slo>& objectives) {
    std::vector<StepReport> steps;
    if (run.closed_loop || run.interval.count() <= 0) return steps;
    const std::vector<std::uint64_t> backlogs = backlogs_of(run);
    std::vector<Span> spans;
    for (std::size_t index = 0; index < run.phases.size(); ++index) {
        const Span span = spans.emplace_back(span_of(run.phases[index], run));
        StepReport& step = steps.emplace_back();
        step.phase = span.phase->name;
        step.at_s = in_seconds(span.phase->start);
        step.rate_before = index == 0 ? 0 : run.phases[index - 1].target_rate_per_s;
        step.rate_after = span.phase->target_rate_per_s;
        settle(plan, run, span, index, step);
        set_peaks(run, span, step);
        set_backlog(run, span, backlogs, step);
    }
    for (std::size_t index = 0; index < steps.size(); ++index) {
        StepReport& step = steps[index];
        const auto slo = objective_for(step.phase, objectives, steps, step.objective_from);
        set_objective(run, spans[index], slo, step);
        step.backlog_allowed = allowed(step.rate_after, slo);
    }
    const auto may_be_open = allowances(run, steps);
    for (StepReport& step : steps) set_drain(run, backlogs, may_be_open, step);
    return steps;
}

std::vector<std::string> step_parts(const StepReport& step) {
    std::vector<std::string> parts;
    if (step.had_backlog()) {
        parts.push_back("backlog " + format_count(step.backlog_max) + " after " +
                        seconds_text(step.backlog_max_after_s) +
                        (step.drain_s ? ", drained in " + seconds_text(*step.drain_s)
                                      : ", not drained when the run ended"));
    }
    if (step.p99_overshoot && step.outside_s > 0) {
        char times[32];
        std::snprintf(times, sizeof times, "%.3g", 1 + *step.p99_overshoot);
        parts.push_back("p99 up to " + seconds_text(step.p99_peak_us / 1e6) + ", " + times +
                        " times its settled " + seconds_text(step.settled_p99_us / 1e6));
    }
    if (step.objective.empty()) return parts;
    if (!step.back_within_s) {
        parts.push_back("not back within " + step.objective + " (outside for " +
                        seconds_text(step.outside_s) + ")");
    } else if (step.outside_s > 0) {
        parts.push_back("back within " + step.objective + " after " +
                        seconds_text(*step.back_within_s) + " (outside for " +
                        seconds_text(step.outside_s) + ")");
    }
    return parts;
}

}  // namespace qck::report
