#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/record/run_result.hpp"
#include "loadgen/report/slo.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::report {

/// What the beginning of a phase did to the target: the answer to a step of the rate.
///
/// Read from the time series, so every time is known to one interval (100 ms in runs of up to a
/// minute), and what came and went within one is not seen.
struct StepReport {
    std::string phase;
    double at_s = 0;         ///< when, from the start of the run
    double rate_before = 0;  ///< per second by the plan, of the phase before; 0 for the first
    double rate_after = 0;   ///< of this phase

    /// Whether the phase came to rest: a constant rate, and the median latency of its third quarter
    /// and its last no further apart than 1 to 1.25, or both below a millisecond. What follows is
    /// then known: the medians over the intervals of the phase's second half.
    bool settled = false;
    double settled_rate = 0;    ///< answered per second
    double settled_p99_us = 0;  ///< of an interval, from the due time

    /// The worst interval of the phase, and how far it went past the settled value, as a share of
    /// that: (peak - settled) / settled, the maximum overshoot of control engineering (Ogata,
    /// Modern Control Engineering, 5-3). Absent where the phase did not settle; of the rate also
    /// where an interval has fewer than 100 answers, which vary by chance.
    double p99_peak_us = 0;
    std::optional<double> p99_overshoot;
    double rate_peak = 0;
    std::optional<double> rate_overshoot;

    /// Requests due and neither answered nor given up yet, at the ends of intervals.
    std::uint64_t backlog_before = 0;  ///< at the step
    std::uint64_t backlog_max = 0;     ///< within the phase
    double backlog_max_after_s = 0;    ///< after the step
    /// As many as may be open when each takes no longer than the objective (Little's law: rate
    /// times latency), or a millisecond where there is none; at least one.
    std::uint64_t backlog_allowed = 0;
    /// From the largest backlog to the first end of an interval at which it was no more than
    /// allowed; 0 when it never was more. Into the next phases where it took that long. Absent when
    /// it was not until the run ended.
    std::optional<double> drain_s;

    /// The latency objective that the intervals are held against; empty: there is none.
    std::string objective;
    std::string objective_from;  ///< `--slo`, or how it was set without one
    double outside_s = 0;        ///< how long intervals of the phase missed it, in all
    /// From the step until it was met for the rest of the phase (the settling time of control
    /// engineering); 0 when it always was. Absent when its last interval missed it.
    std::optional<double> back_within_s;

    bool had_backlog() const { return backlog_max > backlog_allowed; }
    /// Something beyond what the rate makes.
    bool shows() const { return had_backlog() || outside_s > 0 || !back_within_s; }
    bool operator==(const StepReport&) const = default;
};

/// The steps of an open-loop run, one for each phase that it reached; of a closed loop none, since
/// nothing is due there. The objective is the first of `objectives` that bounds a latency of the
/// phase or of all; without one it is twice the largest settled p99 of the run, and at least a
/// millisecond. Pure.
std::vector<StepReport> steps_of(const scenario::Plan& plan, const record::RunResult& run,
                                 const std::vector<Slo>& objectives);

/// `backlog 5,210 after 0.4 s, drained in 0.7 s · p99 up to 410 ms, 12 times its settled 31 ms ·
/// …`: a step that shows, in parts.
std::vector<std::string> step_parts(const StepReport& step);

}  // namespace qck::report
