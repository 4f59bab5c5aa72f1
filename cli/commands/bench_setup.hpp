#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/commands/bench_options.hpp"
#include "cli/commands/embedded_service.hpp"
#include "cli/commands/run_directory.hpp"
#include "cli/render/terminal.hpp"
#include "loadgen/engine/engine.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::commands {

/// Which CPUs are whose. On two or more, an embedded service and the generator share none. They
/// share all where users come from more local processes than there are CPUs, with more requests
/// than a half of these can answer: then each connection of a reader has both its ends on one CPU
/// (ADR 0212).
struct Placement {
    std::vector<int> generator;
    ServicePlace service;
    std::uint32_t threads = 1;
};
Placement place(const BenchOptions& options, const scenario::Plan& plan);

engine::EngineConfig engine_config(const BenchOptions& options, const engine::Target& target,
                                   const Placement& placement);

/// `runs/2026-11-21T20-14-03-viral-burst`: where a run is reported that says no place.
std::string default_directory(const scenario::Plan& plan);

/// One line on stderr where a report of before is about to be replaced.
void say_replaced(const RunDirectory& directory, const char* command);

struct Terminals {
    render::Terminal out;
    render::Terminal progress;  ///< does not redraw when nobody wants to see it
};
Terminals terminals_of(const BenchOptions& options);

}  // namespace qck::commands
