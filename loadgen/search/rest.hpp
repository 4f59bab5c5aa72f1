#pragma once

#include <chrono>

#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::search {

/// How a target answers a few requests, when nothing else is asked of it.
struct Rest {
    std::chrono::nanoseconds p50{};  ///< from the due time; the timeout where nothing is answered
    double errors = 0;  ///< share of the requests that were not answered, or with a 5xx
};

/// A few requests in a quarter of a second, at a tenth of `per_s` but 4 to 40 a second: what shows
/// whether the target has a backlog without adding to it.
scenario::Plan probe_of(const scenario::Plan& plan, double per_s);

/// What a run of such a plan showed.
Rest rest_of(const record::RunResult& probe);

/// Whether what a step left in the target's queues is gone: it answers as it did `before` the
/// search, within twice the time and a millisecond, and as many of the requests. Pure.
bool is_at_rest(const Rest& probe, const Rest& before);

}  // namespace qck::search
