#pragma once

#include "base/error.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::fleet {

/// Whether a plan that came from elsewhere is one that a scenario file or a command could have
/// made: within scenario::limits, its numbers finite, its texts such as may stand in a request.
/// Errors say which part is not.
Result<void> check_plan(const scenario::Plan& plan);

}  // namespace qck::fleet
