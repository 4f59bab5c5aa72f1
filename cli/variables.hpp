#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace qck::cli {

/// `QCK_DATA_DIR` of --data-dir. Empty: the option is not read from the environment.
std::string variable_of(const CLI::App& command, const CLI::Option& option);

/// A complaint of each QCK_... of `environment` (NAME=value, ends with null) that no option of any
/// command has: `QCK_REDDIS is no variable of qck (did you mean QCK_REDIS?)`. Not of those that
/// tests and scripts read, nor of those that Kubernetes makes for a service named qck.
std::vector<std::string> unknown_variables(const CLI::App& app, char** environment);

}  // namespace qck::cli
