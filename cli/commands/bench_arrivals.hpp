#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/bench_target.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "loadgen/record/run_result.hpp"

namespace qck::commands {

/// Where a target that is a `qck serve` says how requests arrived: the admin listener of an
/// embedded service, that of --admin, or without --target the one on the default port if there is
/// one; else nothing, nor for a replay, whose log has pauses of its own. Fails when what was typed
/// does not answer.
Result<std::optional<client::RestConfig>> arrivals_of(const BenchOptions& options,
                                                      const BenchTarget& target,
                                                      const InterruptWatch& interrupts);

/// Puts what `service` says of the run into `run`, soon after its end. Fails, and leaves `run` as
/// it is, when it does not say, or saw less than was answered, as one of several behind a balancer.
Result<void> take_arrivals(const client::RestConfig& service, record::RunResult& run);

/// The account in an answer, which may hold anything, of GET /v1/arrivals that came half way
/// between `asked_ms` and `answered_ms` (since 1970), for a run that began at `started_ms`.
Result<record::TargetArrivals> read_arrivals(std::string_view json, std::int64_t asked_ms,
                                             std::int64_t answered_ms, std::int64_t started_ms);

}  // namespace qck::commands
