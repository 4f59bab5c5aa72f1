#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qck::commands {

/// The words of this process's command line; main has blotted out secrets in it by the time that a
/// command runs.
std::vector<std::string> typed_command();

/// Whether the option stands on the command line, and does not come from the environment or a file.
bool was_typed(std::string_view option);

}  // namespace qck::commands
