#pragma once

#include <string>

#include "base/error.hpp"

namespace qck::commands {

/// The token of a fleet: as given, or the first line of a file; not both. Empty where neither is.
Result<std::string> fleet_token(const std::string& token, const std::string& token_file);

}  // namespace qck::commands
