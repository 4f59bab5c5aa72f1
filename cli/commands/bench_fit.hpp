#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/target_count.hpp"
#include "loadgen/engine/engine.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// What this machine can do to a target, measured in closed loop with the plan's own requests.
struct Calibration {
    double rate_per_s = 0;                  ///< answered
    double cpu_s_per_request = 0;           ///< of the generator's threads
    double bytes_per_request = 0;           ///< on the wire, the larger direction
    double sent_bytes_per_request = 0;      ///< on the wire
    double received_bytes_per_request = 0;  ///< likewise
    record::LinkAnswers links;              ///< what it asked for, so that counts can be reconciled
    record::Accounting accounting;
    ExpectedCount counts;  ///< what a count of the target's own gains by it
    std::string who = "this machine offers";
    /// No more than that was asked for: it is enough.
    bool at_least = false;
};

/// A peak above this share of the calibrated rate leaves the generator or the target no room.
inline constexpr double safe_share = 0.45;

/// More than this a second is looked for in closed loop at once: to try a rate that may be beyond
/// the machine takes as long again.
inline constexpr double paced_per_s_max = 100'000;

/// Runs a plan, in closed loop or not.
using RunCalibration =
    std::function<Result<record::RunResult>(const scenario::Plan& plan, bool closed_loop)>;

/// The plan's requests to its target for a second and a half, on as many connections, by `run`.
///
/// Where `enough` is known (per second), no more than that is asked for, and if the target answers
/// it, at_least says so; else, and where it is above paced_per_s_max, in closed loop. `origin` is
/// the target in errors. Fails when it answers nothing.
Result<Calibration> calibrate_by(const RunCalibration& run, const scenario::Plan& plan,
                                 std::optional<double> enough, const std::string& origin);
/// The same by an engine of this process. Fails at once when interrupted.
Result<Calibration> calibrate(const scenario::Plan& plan, std::optional<double> enough,
                              const engine::EngineConfig& config, const InterruptWatch& interrupts);
/// Adds what another run asked for.
void add_asked(Calibration& to, const record::RunResult& run);

/// How a plan is fitted to what can be offered: the smallest whole K such that its peak / K stays
/// within the safe share of the calibrated rate.
double scale_for(double peak_per_s, double calibrated_per_s);

/// `this machine offers 212k/s to this target (318,000 requests)`, or `… at least 4.4k/s …`.
std::string calibration_text(const Calibration& calibration);
/// `the full 10M/s would take 48 generator cores and 34 Gbit/s each way`.
std::string full_rate_text(const Calibration& calibration, double peak_per_s);

}  // namespace qck::commands
