#include "cli/commands/bounded_line.hpp"

namespace qck::commands {

LineRead read_line(std::istream& input, std::size_t bytes_max, std::string& line) {
    line.clear();
    constexpr int end = std::char_traits<char>::eof();
    // get() and not the buffer itself: what a buffer throws becomes the stream's badbit.
    for (int c = input.get();; c = input.get()) {
        if (c == end) return line.empty() ? LineRead::end : LineRead::line;
        if (c == '\n') return LineRead::line;
        if (line.size() == bytes_max) return LineRead::too_long;
        line += static_cast<char>(c);
    }
}

}  // namespace qck::commands
