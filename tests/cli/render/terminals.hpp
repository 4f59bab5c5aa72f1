#pragma once

#include "cli/render/terminal.hpp"

namespace qck::test {

/// Without colours, and nothing is drawn over; 80 columns.
inline const render::Terminal unicode_terminal{false, false, true, 80};
inline const render::Terminal ascii_terminal{false, false, false, 80};

}  // namespace qck::test
