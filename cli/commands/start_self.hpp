#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.hpp"

namespace qck::commands {

/// How this program is started once more.
struct SelfStart {
    std::vector<std::string> words;  ///< from its name on: `qck serve …`
    /// `NAME=VALUE` beside what it inherits, which leaves out QCK_…: those are for the command that
    /// a person typed.
    std::vector<std::string> environment;
    int output = -1;  ///< descriptor of its standard output; below 0: /dev/null
    int errors = -1;  ///< of its standard error; below 0: this program's own
};

/// Starts this program as a child in a process group of its own, so that Ctrl-C does not reach it.
/// It ends at once when the thread that started it does.
Result<pid_t> start_self(SelfStart start);

}  // namespace qck::commands
