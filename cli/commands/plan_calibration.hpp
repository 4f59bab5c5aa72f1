#pragma once

#include <string>

#include "base/error.hpp"
#include "loadgen/planner/assumptions.hpp"

namespace qck::commands {

/// Measures for a second and a half, in closed loop, what a core of this machine offers as a
/// generator, how large requests and answers are on the wire, and (of an embedded service) what the
/// cores that it was given answer; puts all that in the place of the assumptions. `target`: a URL
/// of loopback or a private range; empty: an embedded service.
Result<void> calibrate_plan(const std::string& target, planner::Assumptions& given);

}  // namespace qck::commands
