#pragma once

#include <string>
#include <vector>

#include "cli/render/terminal.hpp"
#include "loadgen/planner/burst_plan.hpp"
#include "loadgen/planner/stages.hpp"

namespace qck::render {

/// The figures of a burst, group by group, each with its computation, and then what they stand on:
/// value, source and flag of every assumption that was used.
std::string plan_lines(double peak_per_s, const std::vector<planner::Figure>& figures,
                       const planner::Assumptions& given, const Terminal& terminal);

/// A stage with its items and what they cost. `what`: `redirects` or `events`.
std::string stage_lines(std::string_view what, double per_day, const planner::Stage& stage,
                        const Terminal& terminal);

}  // namespace qck::render
