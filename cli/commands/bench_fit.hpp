#pragma once

#include <cstdint>
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
};

/// A peak above this share of the calibrated rate leaves the generator or the target no room.
inline constexpr double safe_share = 0.45;

/// The plan's requests to its target for a second and a half, in closed loop, on as many
/// connections.
scenario::Plan calibration_plan(const scenario::Plan& plan);
/// What a run of that plan showed of a target at `origin`. Fails when it answered nothing.
Result<Calibration> calibration_of(const record::RunResult& run, const std::string& origin);

/// Runs for a second and a half. Fails when the target answers nothing, and at once when
/// interrupted.
Result<Calibration> calibrate(const scenario::Plan& plan, const engine::EngineConfig& config,
                              const InterruptWatch& interrupts);

/// How a plan is fitted to what can be offered: the smallest whole K such that its peak / K stays
/// within the safe share of the calibrated rate.
double scale_for(double peak_per_s, double calibrated_per_s);

/// `this machine offers 212k/s to this target`.
std::string calibration_text(const Calibration& calibration);
/// `the full 10M/s would take 48 generator cores and 34 Gbit/s each way`.
std::string full_rate_text(const Calibration& calibration, double peak_per_s);

}  // namespace qck::commands
