#pragma once

#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "services/links/link_rules.hpp"
#include "services/links/link_store.hpp"

namespace qck::commands {

/// Links that are to redirect with every store down (--popular FILE). A line each: `CODE`, or
/// `CODE,URL` or `CODE,URL,STATUS` (CSV); empty lines and those that begin with # are skipped.
///
/// What the store says of a code counts. A code that it cannot be asked about is taken as the last
/// start that could ask found it (`known_file`), or else as the file says it; a line without a URL
/// then is an error, as is a code that the store does not have: "popular.csv:3: …". At most 10,000.
Result<std::vector<links::Link>> load_popular_links(const std::filesystem::path& file,
                                                    const std::filesystem::path& known_file,
                                                    links::LinkStore& store,
                                                    const links::LinkRules& rules);

}  // namespace qck::commands
