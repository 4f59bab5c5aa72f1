#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace qck::commands {

/// The runs in the order in which they were made, where `path` is a directory of several
/// (`--repeat N`: 1, 2, 3, …); else `path` alone, whatever it is.
std::vector<std::string> runs_in(const std::string& path);

/// What a search came to, as `qck bench search` has left it in search.json.
struct SearchResult {
    std::string target;
    std::string conclusion;  ///< a clause
    std::string advice;      ///< a sentence; may be empty
    bool found = false;
    bool has_run = false;  ///< a run of it is beside it, as report.json
};

/// `path` is a search.json, or a directory that holds one; empty when it is neither. Errors name
/// the file.
Result<std::optional<SearchResult>> read_search(const std::string& path);

}  // namespace qck::commands
