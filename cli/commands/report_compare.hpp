#pragma once

#include <string>

#include "cli/commands/command.hpp"

namespace qck::commands {

/// `qck report compare A B`: sets the runs of two directories beside each other, measure by
/// measure, with the Mann-Whitney U test. A directory is one run, or holds several as `--repeat`
/// leaves them (1, 2, 3, …). Runs that are not VALID measured nothing and are left out, which is
/// said. Exit code 0 whatever differs, 3 when either side has no VALID run.
Exit compare_runs(const std::string& first, const std::string& second, bool json);

}  // namespace qck::commands
