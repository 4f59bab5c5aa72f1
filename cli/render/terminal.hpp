#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qck::render {

/// What the other end of a stream can show.
struct Terminal {
    bool redraws = false;  ///< a terminal that understands cursor movement
    bool colour = false;   ///< such a terminal, and nobody asked for none
    bool unicode = false;  ///< the locale is UTF-8
    int width = 80;        ///< columns
};

/// Of the environment, what decides how to draw; null where a variable is not set.
struct TerminalSettings {
    const char* no_color = nullptr;  ///< NO_COLOR, see no-color.org: counts unless it is empty
    const char* term = nullptr;      ///< TERM
    const char* locale = nullptr;    ///< LC_ALL, LC_CTYPE or LANG: the first that is not empty
};
/// Of this process; reads the environment, so call it before there are threads.
TerminalSettings terminal_settings();

/// What the stream with that descriptor can show.
Terminal terminal_of(int descriptor, const TerminalSettings& settings);

enum class Tone : std::uint8_t { plain, dim, bold, good, warning, bad };
/// `text` in that tone; itself where there is no colour. No tone carries a meaning that the words
/// do not.
std::string toned(const Terminal& terminal, Tone tone, std::string_view text);

/// `share` (0..1) of `cells` columns as a bar in eighths of a block, or of '#' without Unicode.
/// Anything above 0 shows at least its smallest mark. Padded with spaces to `cells`.
std::string bar(const Terminal& terminal, double share, std::size_t cells);

/// `text` as the terminal can show it: control characters, which would be obeyed, are replaced by
/// U+FFFD or a question mark; without Unicode, µ, ·, →, −, –, …, × and their like become
/// ASCII, and any other character a question mark.
std::string plain_if_needed(const Terminal& terminal, std::string_view text);

/// The labels of a summary stand in so many columns, what they say beside them.
constexpr std::size_t label_columns = 12;
/// `41 µs`.
std::string micros_text(double us);

std::string padded_right(std::string_view text, std::size_t columns);
std::string padded_left(std::string_view text, std::size_t columns);

/// `text` broken between words into lines of at most `width` columns, the later ones after
/// `indent` spaces. A word that is longer stands alone. No line break at the end.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace qck::render
