#pragma once

#include <cstdint>
#include <optional>

#include "base/error.hpp"
#include "cli/commands/bench_fit.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/target_count.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/report/report.hpp"

namespace qck::commands {

/// The target's own count, as it stood before anything was asked; nothing when nobody is to be
/// asked for it.
struct CountBefore {
    std::optional<CountSource> source;
    std::uint64_t clicks = 0;
};

/// Reads it by --count-url or --count-cmd, when it stands still. Errors name the flag.
Result<CountBefore> count_before(const BenchOptions& options, const InterruptWatch& interrupts);

/// Reads it again, and sets what it has gained beside what was answered, the calibration and the
/// report's probe clicks too. A count that cannot be read is the report's `reconcile_failure`.
void compare_count(CountBefore& before, const BenchOptions& options, const record::RunResult& run,
                   const std::optional<Calibration>& calibration, report::Report& report);

}  // namespace qck::commands
