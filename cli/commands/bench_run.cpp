#include "cli/commands/bench_run.hpp"

namespace qck::commands {

Result<record::RunResult> run_plan(const scenario::Plan& plan, engine::EngineConfig config,
                                   const render::Terminal& progress,
                                   const InterruptWatch& interrupts, const ProgressSink& sink) {
    auto engine = engine::Engine::start(plan, std::move(config));
    if (!engine) return engine.error();
    follow_run(**engine, plan, progress, interrupts, sink);
    return (*engine)->finish();
}

}  // namespace qck::commands
