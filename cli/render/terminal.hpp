#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qck::render {

/// What the other end of a stream can show. A plain value: made once, from the environment, by
/// terminal_of(); tests make their own.
struct Terminal {
    bool redraws = false;  ///< a terminal that understands cursor movement
    bool colour = false;   ///< a terminal, and NO_COLOR is not set
    bool unicode = false;  ///< the locale is UTF-8
    int width = 80;        ///< columns
};

/// Of the stream with that descriptor. Environment values are given by the caller (main reads
/// them): `no_color` and `term` as NO_COLOR and TERM; `locale` as LC_ALL, LC_CTYPE or LANG, the
/// first that is set. Any may be null.
Terminal terminal_of(int descriptor, const char* no_color, const char* term, const char* locale);
/// The same with the process's environment.
Terminal terminal_of(int descriptor);

enum class Tone : std::uint8_t { plain, dim, bold, good, warning, bad };
/// `text` in that tone; itself where there is no colour. Colour never carries a meaning that the
/// words do not.
std::string toned(const Terminal& terminal, Tone tone, std::string_view text);

/// `share` (0..1) of `cells` columns as a bar of eighths of a block, or of '#' without Unicode.
/// Anything above 0 shows at least its smallest mark. Padded with spaces to `cells`.
std::string bar(const Terminal& terminal, double share, int cells);

/// `text` as the terminal can show it: without Unicode, `µ`, `·`, `→`, `−`, `–`, `…` and `×` become
/// ASCII.
std::string plain_if_needed(const Terminal& terminal, std::string text);

/// Columns that `text` takes: its code points, escape sequences not counted.
std::size_t columns_of(std::string_view text);
std::string padded_right(std::string_view text, std::size_t columns);
std::string padded_left(std::string_view text, std::size_t columns);

}  // namespace qck::render
