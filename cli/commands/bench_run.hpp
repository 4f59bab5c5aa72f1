#pragma once

#include "base/error.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/render/terminal.hpp"
#include "loadgen/engine/engine.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// Runs the plan to its end, with progress on stderr where `progress` says that it can redraw.
/// A signal heard by `interrupts` ends it early, a second one at once; both give a result.
Result<record::RunResult> run_plan(const scenario::Plan& plan, engine::EngineConfig config,
                                   const render::Terminal& progress,
                                   const InterruptWatch& interrupts);

}  // namespace qck::commands
