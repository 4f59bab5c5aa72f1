#include "cli/commands/bounded_line.hpp"

namespace qck::commands {

LineRead read_line(std::istream& input, std::size_t bytes_max, std::string& line) {
    line.clear();
    constexpr int end = std::char_traits<char>::eof();
    std::streambuf& bytes = *input.rdbuf();
    for (int c = bytes.sbumpc();; c = bytes.sbumpc()) {
        if (c == end) return line.empty() ? LineRead::end : LineRead::line;
        if (c == '\n') return LineRead::line;
        if (line.size() == bytes_max) return LineRead::too_long;
        line += static_cast<char>(c);
    }
}

}  // namespace qck::commands
