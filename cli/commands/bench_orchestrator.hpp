#pragma once

#include "cli/commands/bench_options.hpp"
#include "cli/commands/command.hpp"
#include "loadgen/engine/target.hpp"

namespace qck::commands {

/// `qck bench orchestrator`: readers and writers that each have a connection and a rate of their
/// own (S11, S12).

void add_crowd_flags(CLI::App& app, CrowdOptions& options);

/// After parsing: without a target it starts the service, and without agents so many processes.
/// Throws CLI::Error when flags exclude each other.
void settle_crowd(BenchOptions& options);

/// The plan of these users. Request 0 is what readers ask, from the target; the other one, if there
/// are writers, is theirs, from the API.
Result<scenario::Plan> crowd_plan(const BenchOptions& options);

/// Where writers write: the API of the service that was started, or the one that was typed, or port
/// 8081 of the target's host.
std::string api_url_of(const BenchOptions& options, const engine::Target& target);

}  // namespace qck::commands
