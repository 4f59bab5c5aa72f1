#pragma once

#include "services/reconcile/compare.hpp"

namespace qck::commands {

/// A table of the links that differ, and a line that says what was found. To stdout.
void print_comparison(const reconcile::Comparison& comparison);

}  // namespace qck::commands
