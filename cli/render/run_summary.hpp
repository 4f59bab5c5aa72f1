#pragma once

#include <string>

#include "cli/render/terminal.hpp"
#include "loadgen/report/report.hpp"

namespace qck::render {

/// The head of a run, before it starts: what is offered to whom, and at which scale. `plan` is the
/// one that runs. Ends with an empty line.
std::string run_head(const scenario::Plan& plan, const report::RunContext& context,
                     const Terminal& terminal);

/// What came of it: a line a phase with its bar, accounting, counts, generator, objectives,
/// verdict, and `report_path` unless that is empty. Only what was measured is shown. No wider than
/// the terminal from 40 columns on, but for single words (a path, a URL) that are; no figure is
/// broken.
std::string run_summary(const report::Report& report, const std::string& report_path,
                        const Terminal& terminal);

}  // namespace qck::render
