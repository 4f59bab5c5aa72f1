#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "loadgen/report/report.hpp"

namespace qck::report {

/// Raised when a reader of older reports could be misled by a newer one.
inline constexpr std::uint64_t report_format = 1;

/// The report as JSON in the shape of DESIGN section 5, with more fields: `format` (its version),
/// time series, histogram buckets, machine and command, so that a report can be shown, drawn and
/// compared again.
std::string to_json(const Report& report);

/// Reads what to_json() wrote; `file` is what messages call it. Fails with Errc::corrupt and
/// `FILE:LINE: phases[0].seconds: missing; expected a number` or the like.
Result<Report> from_json(std::string_view text, std::string_view file);

/// `run` is a report.json or a directory that holds one. Errc::not_found when neither is there.
Result<Report> read_report(const std::string& run);

/// Makes `directory` (and its parents) when it is missing, and writes report.json and report.html
/// there. Each is replaced whole or not at all.
Result<void> write_report(const Report& report, const std::string& directory);

/// Writes series.csv (the time series) and junit.xml (the objectives, for build servers) there.
Result<void> write_exports(const Report& report, const std::string& directory);

/// Writes latency.hgrm and service.hgrm of the whole run into `directory`, for HdrHistogram's
/// tools.
Result<void> write_hgrm(const record::RunResult& run, const std::string& directory);

}  // namespace qck::report
