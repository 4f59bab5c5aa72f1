#pragma once

#include <cstddef>
#include <string_view>

namespace qck {

/// How deep a JSON text is nested: what reads and writes documents recurs, so it is asked first of
/// what comes from others.
std::size_t json_depth_of(std::string_view text);

}  // namespace qck
