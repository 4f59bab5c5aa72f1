#pragma once

#include <string>

#include "services/reconcile/compare.hpp"

namespace qck::commands {

/// A table of the links that differ, and a line that says what was found and how it is repaired:
/// `command`, that of this service, with `--repair`. To stdout.
void print_comparison(const reconcile::Comparison& comparison, const std::string& command);

}  // namespace qck::commands
