#pragma once

#include <string>

#include "cli/commands/command.hpp"

namespace qck::commands {

/// `qck report serve RUN`: the page of `qck bench … --ui` with a run that has ended, until a
/// signal. `run` is a directory or its report.json; `place` is HOST:PORT.
Exit serve_report(const std::string& run, const std::string& place);

}  // namespace qck::commands
