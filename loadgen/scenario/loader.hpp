#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::scenario {

/// Reads the text of a scenario file (docs/scenarios.md, scenarios/schema.json) into a Plan.
///
/// All that is wrong is named at once, a line each, up to 20:
/// `FILE:14: phases[2].rate: expected a rate above 0, got "-5k"`. Unknown fields are refused with
/// the closest known name, and so are keys that come twice. `file` is what messages call it. Fails
/// with Errc::invalid_argument. Thread-safe.
Result<Plan> parse(std::string_view text, std::string_view file);

/// The scenario that `qck bench viral` runs; scenarios/viral-burst.json as it was at build time.
std::string_view viral_burst_text();
Plan viral_burst();

}  // namespace qck::scenario
