#pragma once

#include <string>
#include <vector>

namespace qck::cli {

/// The candidate that is a slip away from `word`; empty when none is.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace qck::cli
