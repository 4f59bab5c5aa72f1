#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "cli/client/rest_client.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/embedded_service.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "loadgen/engine/target.hpp"

namespace qck::commands {

/// What a run is aimed at, ready to be asked: it accepts connections, and where the service is ours
/// it has the plan's links.
struct BenchTarget {
    engine::Target target;
    std::optional<engine::Target> api;  ///< where the plan has requests to one
    std::string note;                   ///< "embedded, journal on, SQLite"; else empty
    std::optional<EmbeddedService> embedded;
    std::uint64_t links_added = 0;  ///< that were missing
    /// The links API of a service of ours, where links may be added; absent: it is not ours.
    std::optional<client::RestConfig> links_api;
};

/// Finds the target, or starts it (`--serve`), aims the plan at its path and adds the links that
/// are missing. `place`: of an embedded service. Errors are ready for a person; to be interrupted
/// is one.
Result<BenchTarget> prepare_target(const BenchOptions& options, scenario::Plan& plan,
                                   const ServicePlace& place, InterruptWatch& interrupts);

}  // namespace qck::commands
