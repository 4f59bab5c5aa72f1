#pragma once

#include <string>

#include "loadgen/report/report.hpp"

namespace qck::report {

/// The report as one HTML file that needs nothing else: Chart.js and all data are within it. Every
/// string of the report is escaped for where it stands. Pure.
std::string to_html(const Report& report);

}  // namespace qck::report
