#pragma once

#include <chrono>

#include "base/error.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::scenario {

/// Has the plan's requests made by users: two phases, `spawn`, as long as they take to come, and
/// `steady`. A connection each. Fails when a number is not one that a plan may hold.
Result<Plan> with_users(Plan plan, Users users, std::chrono::nanoseconds steady);

}  // namespace qck::scenario
