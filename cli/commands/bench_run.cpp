#include "cli/commands/bench_run.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>

#include "cli/render/live_run.hpp"

namespace qck::commands {
namespace {

constexpr std::chrono::milliseconds redraw_every{250};

std::atomic<int> interrupts{0};

void on_interrupt(int) { interrupts.fetch_add(1); }

/// Counts SIGINT and SIGTERM while it lives.
class InterruptGuard {
public:
    InterruptGuard() {
        interrupts.store(0);
        struct sigaction action {};
        action.sa_handler = on_interrupt;
        ::sigaction(SIGINT, &action, &interrupt_before_);
        ::sigaction(SIGTERM, &action, &terminate_before_);
    }
    ~InterruptGuard() {
        ::sigaction(SIGINT, &interrupt_before_, nullptr);
        ::sigaction(SIGTERM, &terminate_before_, nullptr);
    }
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    int count() const { return interrupts.load(); }

private:
    struct sigaction interrupt_before_ {};
    struct sigaction terminate_before_ {};
};

}  // namespace

Result<record::RunResult> run_plan(const scenario::Plan& plan, engine::EngineConfig config,
                                   const render::Terminal& progress) {
    const InterruptGuard guard;
    auto engine = engine::Engine::start(plan, std::move(config));
    if (!engine) return engine.error();
    {
        std::optional<render::LiveRun> live;
        if (progress.redraws) live.emplace(plan, stderr, progress);
        while (!(*engine)->wait_for(redraw_every)) {
            if (guard.count() == 1) (*engine)->stop_early();
            if (guard.count() >= 2) (*engine)->stop_now();
            if (live) live->show((*engine)->progress());
        }
    }
    return (*engine)->finish();
}

}  // namespace qck::commands
