#pragma once

#include <string>

namespace qck::report {

/// The page that shows a run while it goes and its report afterwards: one text that needs nothing
/// else but the events of its server (`GET events`, the lines of live_json.hpp) and `POST stop`.
/// The same for every run. Pure.
std::string live_page();

}  // namespace qck::report
