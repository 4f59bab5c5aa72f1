#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>

#include "base/error.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/render/live_run.hpp"
#include "cli/render/terminal.hpp"
#include "loadgen/engine/engine.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// Is told how a run goes, several times a second, by the thread that waits for its end.
using ProgressSink = std::function<void(const scenario::Plan&, const record::Progress&)>;
/// Tells one and then the other; empty where both are.
ProgressSink both(ProgressSink one, ProgressSink other);

/// Waits for the end of a run of an engine or a fleet: shows progress on stderr where `progress`
/// says that it can redraw, tells `sink` unless it is empty, and ends the run early at the first
/// signal, at once at the second.
template <class Running>
void follow_run(Running& running, const scenario::Plan& plan, const render::Terminal& progress,
                const InterruptWatch& interrupts, const ProgressSink& sink = {}) {
    constexpr std::chrono::milliseconds redraw_every{250};
    std::optional<render::LiveRun> live;
    if (progress.redraws) live.emplace(plan, stderr, progress);
    while (!running.wait_for(redraw_every)) {
        if (interrupts.count() == 1) running.stop_early();
        if (interrupts.count() >= 2) running.stop_now();
        if (!live && !sink) continue;
        const record::Progress now = running.progress();
        if (live) live->show(now);
        if (sink) sink(plan, now);
    }
}

/// Runs the plan to its end, with progress on stderr where `progress` says that it can redraw.
/// A signal heard by `interrupts` ends it early, a second one at once; both give a result.
Result<record::RunResult> run_plan(const scenario::Plan& plan, engine::EngineConfig config,
                                   const render::Terminal& progress,
                                   const InterruptWatch& interrupts, const ProgressSink& sink = {});

}  // namespace qck::commands
