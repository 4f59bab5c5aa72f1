#pragma once

#include <optional>

#include "base/error.hpp"
#include "cli/commands/bench_fit.hpp"
#include "cli/commands/embedded_service.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/report/report.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// Drains the embedded service and sets the answers that the generator saw, calibration, run and
/// `probes`, beside what the service served, its journal and its store.
///
/// The difference is the largest by amount between `answered` and any of them. Requests whose
/// answer never came (timed out, failed, left open) may have been counted all the same: as long as
/// the counts lie within answered + those, there is no difference (promise P1).
///
/// Fails when the service has ended or does not answer, and when a signal comes before it has
/// drained or two had come before. After a signal no step waits longer than five seconds.
Result<report::Reconciliation> reconcile_embedded(EmbeddedService& service,
                                                  const scenario::Plan& plan,
                                                  const record::RunResult& run,
                                                  const std::optional<Calibration>& calibration,
                                                  const std::optional<report::Visibility>& probes,
                                                  const InterruptWatch& interrupts);

}  // namespace qck::commands
