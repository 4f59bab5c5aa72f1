#pragma once

#include <cstddef>
#include <string>

#include "cli/render/terminal.hpp"
#include "loadgen/report/report.hpp"
#include "loadgen/search/search_report.hpp"

namespace qck::render {

/// What is searched for, and where; ends with an empty line.
std::string search_head(const search::SearchReport& report, const Terminal& terminal);

/// A step that has ended: number, kind, rate, what held or did not.
std::string search_step_line(std::size_t number, const search::StepResult& step,
                             const Terminal& terminal);

/// The answer, the counts where they were compared, and where the report is.
std::string search_summary(const search::SearchReport& report, const std::string& report_path,
                           const Terminal& terminal);

}  // namespace qck::render
