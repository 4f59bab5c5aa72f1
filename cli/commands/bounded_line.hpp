#pragma once

#include <cstddef>
#include <istream>
#include <string>

namespace qck::commands {

enum class LineRead { line, end, too_long };

/// The next line of `input` without its end; a last one may lack it. Of a line of more than
/// `bytes_max` bytes only as many are taken, so that a file without line ends does not fill the
/// memory.
LineRead read_line(std::istream& input, std::size_t bytes_max, std::string& line);

}  // namespace qck::commands
