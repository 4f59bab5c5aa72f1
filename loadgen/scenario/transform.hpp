#pragma once

#include <chrono>
#include <string>

#include "base/error.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::scenario {

/// How many requests a phase, or a plan, asks for: the area under its rate curve, not rounded.
double requests_of(const Phase& phase);
double requests_of(const Plan& plan);

/// How many requests a plan has until that moment of the run, not rounded.
double requests_until(const Plan& plan, std::chrono::nanoseconds at);

/// For a message about a plan that has too many: `N requests, and a run may have M`.
std::string shown_total(double requests);

/// The highest rate that a phase, or a plan, reaches.
double peak_rate_of(const Phase& phase);
double peak_rate_of(const Plan& plan);

std::chrono::nanoseconds duration_of(const Plan& plan);

/// The same shape with every rate (new connections too) multiplied by `factor`, which must be
/// above 0; a run at 1:K has the factor 1/K. Fails when a rate would leave what a plan may hold.
Result<Plan> scale_rates(Plan plan, double factor);

/// The same shape with its peak at `peak_per_s`.
Result<Plan> scale_to_peak(Plan plan, double peak_per_s);

/// Time runs `factor` times shorter, rates stay: a phase of 10 s takes 10 s / factor. The factor is
/// at least 1, and no phase may become shorter than a millisecond.
Result<Plan> compress_time(Plan plan, double factor);

}  // namespace qck::scenario
