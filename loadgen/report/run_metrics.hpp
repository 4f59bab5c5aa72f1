#pragma once

#include <string>
#include <string_view>

#include "loadgen/record/run_result.hpp"

namespace qck::report {

/// A run in flight in Prometheus' text format 0.0.4: counters of its requests, the rate by the plan
/// and the rates of the last second or so, percentiles of latency from the due time over that
/// second, connections, and which phase it is in. Counters begin at 0 with each run. Pure.
std::string to_prometheus(std::string_view scenario, std::string_view phase,
                          const record::Progress& progress);

}  // namespace qck::report
