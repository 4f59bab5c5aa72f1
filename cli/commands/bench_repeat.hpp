#pragma once

#include <cstdint>
#include <functional>

#include "cli/commands/bench_options.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/interrupt_watch.hpp"

namespace qck::commands {

/// As many runs as can be compared with others.
inline constexpr std::uint32_t repeat_max = 100;

/// `--repeat N`: makes N runs one after another, into the directories 1 to N of --out, for `qck
/// report compare`. Ends early after a signal, and after a run that could not be made. The exit
/// code is the worst: of a run that could not be made, of one that is not valid, of one that missed
/// something. Where --out holds numbered runs already, none is made.
Exit run_repeated(BenchOptions options, const InterruptWatch& interrupts,
                  const std::function<Exit(const BenchOptions&)>& run_once);

}  // namespace qck::commands
