#pragma once

#include "base/error.hpp"
#include "loadgen/engine/engine.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// Runs the plan to its end, with progress on stderr where that is a terminal and not `quiet`.
/// Ctrl-C (or SIGTERM) ends it early, a second one at once; both give a result.
Result<record::RunResult> run_plan(const scenario::Plan& plan, engine::EngineConfig config,
                                   bool quiet);

}  // namespace qck::commands
