#include "cli/commands/bench_run.hpp"

#include <cstdio>
#include <optional>

#include "cli/render/live_run.hpp"

namespace qck::commands {
namespace {

constexpr std::chrono::milliseconds redraw_every{250};

}  // namespace

Result<record::RunResult> run_plan(const scenario::Plan& plan, engine::EngineConfig config,
                                   const render::Terminal& progress,
                                   const InterruptWatch& interrupts) {
    auto engine = engine::Engine::start(plan, std::move(config));
    if (!engine) return engine.error();
    {
        std::optional<render::LiveRun> live;
        if (progress.redraws) live.emplace(plan, stderr, progress);
        while (!(*engine)->wait_for(redraw_every)) {
            if (interrupts.count() == 1) (*engine)->stop_early();
            if (interrupts.count() >= 2) (*engine)->stop_now();
            if (live) live->show((*engine)->progress());
        }
    }
    return (*engine)->finish();
}

}  // namespace qck::commands
