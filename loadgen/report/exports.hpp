#pragma once

#include <string>

#include "loadgen/report/report.hpp"

namespace qck::report {

/// The time series as CSV (RFC 4180, lines ended by a line feed): a line an interval, times in
/// seconds from the start, rates per second, latencies in microseconds from the due time, and a
/// column `errors: CAUSE` for each cause there was. Pure.
std::string to_csv(const Report& report);

/// The run as a JUnit test suite, for build servers: a test for its validity, one for each
/// objective, and one for the counts where they were compared. Objectives of a run that is not
/// valid are errors, for nothing was measured. Pure.
std::string to_junit(const Report& report);

}  // namespace qck::report
