#pragma once

#include <string>
#include <vector>

#include "loadgen/planner/assumptions.hpp"

namespace qck::planner {

/// One number of a plan, with the computation that gave it.
struct Figure {
    std::string group;  ///< `burst`, `generator`, `redirect`, `redis`, `clickhouse`, `postgres`, …
    std::string name;
    double value = 0;
    std::string unit;  ///< `$`, `machines`, `Gbit/s`, …
    std::string how;   ///< `ceil(10M / 500k)`
    std::vector<Given> from;
    std::string note;  ///< a warning, or what it means; may be empty
};

/// What a burst with its peak at `peak_per_s` needs, of the generator that rehearses it and of the
/// target that stands it: arithmetic over the assumptions, every step of it shown. Needs a peak
/// above 0. Pure.
std::vector<Figure> plan_burst(double peak_per_s, const Assumptions& given);

/// The figure of that group and name; null when there is none.
const Figure* find_figure(const std::vector<Figure>& figures, std::string_view group,
                          std::string_view name);

}  // namespace qck::planner
