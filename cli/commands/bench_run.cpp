#include "cli/commands/bench_run.hpp"

#include <utility>

namespace qck::commands {

ProgressSink both(ProgressSink one, ProgressSink other) {
    if (!one) return other;
    if (!other) return one;
    return [one = std::move(one), other = std::move(other)](const scenario::Plan& plan,
                                                            const record::Progress& progress) {
        one(plan, progress);
        other(plan, progress);
    };
}

Result<record::RunResult> run_plan(const scenario::Plan& plan, engine::EngineConfig config,
                                   const render::Terminal& progress,
                                   const InterruptWatch& interrupts, const ProgressSink& sink) {
    auto engine = engine::Engine::start(plan, std::move(config));
    if (!engine) return engine.error();
    follow_run(**engine, plan, progress, interrupts, sink);
    return (*engine)->finish();
}

}  // namespace qck::commands
