#pragma once

#include "cli/commands/bench_options.hpp"
#include "cli/commands/command.hpp"

namespace qck::commands {

/// Runs a bench from target to report. Results go to stdout, progress and errors to stderr.
Exit run_bench(const BenchOptions& options);

}  // namespace qck::commands
