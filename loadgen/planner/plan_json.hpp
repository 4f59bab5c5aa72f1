#pragma once

#include <string>
#include <vector>

#include "loadgen/planner/burst_plan.hpp"
#include "loadgen/planner/stages.hpp"

namespace qck::planner {

/// `{"kind": "viral", "rate", "figures": [{group, name, value, unit, how, from, note}],
/// "assumptions": [{flag, value, unit, what, source}]}`.
std::string to_json(double peak_per_s, const std::vector<Figure>& figures,
                    const Assumptions& given);

/// `{"kind": …, "per_day", "average_per_s", "stage": {name, per_day, dollars_a_month, note, source,
/// items}}`.
std::string to_json(std::string_view kind, double per_day, const Stage& stage);

}  // namespace qck::planner
