#pragma once

#include "cli/commands/bench_options.hpp"
#include "cli/commands/command.hpp"

namespace qck::commands {

/// `qck bench search`: runs steps until the largest rate is known that holds the objectives, and
/// writes search.json and search.html, and the reports of the longest run that held (the confirming
/// one, when there was one). Exit codes: 0 when the rate was found (or --to held), 1 when no rate
/// held, 4 when the generator, or a signal, came before the target's limit.
Exit run_search(const BenchOptions& options);

}  // namespace qck::commands
