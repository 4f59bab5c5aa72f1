#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadgen/record/run_result.hpp"
#include "loadgen/report/report.hpp"
#include "loadgen/report/slo.hpp"
#include "loadgen/scenario/plan.hpp"
#include "loadgen/search/capacity_search.hpp"

namespace qck::search {

/// A step and what came of it.
struct StepResult {
    Step step;
    Outcome outcome = Outcome::held;
    /// Who fell short; none where it held, and where the target was merely slower than wanted.
    report::Culprit culprit = report::Culprit::none;
    /// The target had worked off what an earlier step left in its queues.
    bool began_at_rest = true;
    std::string reason;  ///< a clause: `p99<5ms: 7.2 ms`; empty where it held
    double achieved_per_s = 0;
    record::Accounting accounting;
    std::optional<report::Latency> latency_us;   ///< from the due time; as in PhaseReport
    std::optional<report::Latency> send_lag_us;  ///< from the due time to the actual send
    double cpu = 0;    ///< of the generator's busiest thread in its busiest second, 0..1
    double steal = 0;  ///< 0..1
    report::Status verdict = report::Status::valid;
    std::vector<report::Objective> objectives;
};

/// What a run at the step's rate showed.
///
/// Held: every objective was met, and the run is VALID; or requests were merely sent late (by the
/// generator, or because connections were busy), by at most a hundredth of the step, and 99 % of
/// the rate was answered all the same, since lateness only adds to latency. A miss is the
/// generator's when the verdict says so; and also, of a valid run, when the objective would have
/// been met but for time that requests waited to be sent while connections were free. A miss that
/// is the network's counts as missed, with its name. Pure.
StepResult result_of(const Step& step, const record::RunResult& run, const scenario::Plan& plan,
                     const std::vector<report::Slo>& objectives);

}  // namespace qck::search
