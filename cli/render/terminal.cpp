#include "cli/render/terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/units.hpp"
#include "cli/render/table.hpp"

namespace qck::render {
namespace {

bool is_utf8(const char* locale) {
    std::string name(locale == nullptr ? "" : locale);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return name.find("UTF-8") != std::string::npos || name.find("UTF8") != std::string::npos;
}

std::string_view code_of(Tone tone) {
    switch (tone) {
        case Tone::dim:
            return "2";
        case Tone::bold:
            return "1";
        case Tone::good:
            return "32";
        case Tone::warning:
            return "33";
        case Tone::bad:
            return "1;31";
        case Tone::plain:
            break;
    }
    return {};
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> in_ascii{{{"µ", "u"},
                                                                                  {"·", "|"},
                                                                                  {"→", "->"},
                                                                                  {"−", "-"},
                                                                                  {"–", "-"},
                                                                                  {"—", "-"},
                                                                                  {"…", "..."},
                                                                                  {"×", "x"},
                                                                                  {"≤", "<="},
                                                                                  {"≥", ">="},
                                                                                  {"≠", "!="},
                                                                                  {"✓", "+"},
                                                                                  {"’", "'"}}};

}  // namespace

TerminalSettings terminal_settings() {
    TerminalSettings settings;
    settings.no_color = std::getenv("NO_COLOR");
    settings.term = std::getenv("TERM");
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* const value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        settings.locale = value;
        break;
    }
    return settings;
}

Terminal terminal_of(int descriptor, const TerminalSettings& settings) {
    Terminal terminal;
    const std::string_view term = settings.term == nullptr ? "" : settings.term;
    terminal.redraws = ::isatty(descriptor) == 1 && !term.empty() && term != "dumb";
    const bool refused = settings.no_color != nullptr && *settings.no_color != '\0';
    terminal.colour = terminal.redraws && !refused;
    terminal.unicode = is_utf8(settings.locale);
    if (const std::size_t width = terminal_width(descriptor); width > 0) {
        terminal.width = static_cast<int>(std::min<std::size_t>(width, 1000));
    }
    return terminal;
}

std::string toned(const Terminal& terminal, Tone tone, std::string_view text) {
    const std::string_view code = code_of(tone);
    if (!terminal.colour || code.empty()) return std::string(text);
    return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string bar(const Terminal& terminal, double share, std::size_t cells) {
    static constexpr std::array<std::string_view, 8> eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double exact = std::clamp(share, 0.0, 1.0) * static_cast<double>(cells);
    std::string text;
    std::size_t used = 0;
    if (terminal.unicode) {
        auto parts = static_cast<std::size_t>(std::lround(exact * 8));
        if (parts == 0 && share > 0) parts = 1;
        for (; used < parts / 8; ++used) text += "█";
        if (parts % 8 != 0) {
            text += eighths[parts % 8];
            ++used;
        }
    } else {
        used = static_cast<std::size_t>(std::lround(exact));
        if (used == 0 && share > 0) used = 1;
        text.assign(used, '#');
    }
    return text + std::string(cells - used, ' ');
}

namespace {

/// How many bytes of `text` are one control character: C0, DEL, or C1 in UTF-8. 0: it begins with
/// none.
std::size_t control_bytes(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x20 || first == 0x7f) return 1;
    if (first != 0xc2 || text.size() < 2) return 0;
    const auto second = static_cast<unsigned char>(text[1]);
    return second >= 0x80 && second < 0xa0 ? 2 : 0;
}

}  // namespace

std::string plain_if_needed(const Terminal& terminal, std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (const std::size_t bytes = control_bytes(text); bytes > 0) {
            out += terminal.unicode ? "\xef\xbf\xbd" : "?";
            text.remove_prefix(bytes);
            continue;
        }
        if (terminal.unicode || static_cast<unsigned char>(text[0]) < 0x80) {
            out += text[0];
            text.remove_prefix(1);
            continue;
        }
        const auto known = std::find_if(in_ascii.begin(), in_ascii.end(), [text](const auto& pair) {
            return text.substr(0, pair.first.size()) == pair.first;
        });
        if (known != in_ascii.end()) {
            out += known->second;
            text.remove_prefix(known->first.size());
            continue;
        }
        out += '?';
        do {
            text.remove_prefix(1);
        } while (!text.empty() && (static_cast<unsigned char>(text[0]) & 0xc0U) == 0x80U);
    }
    return out;
}

std::string micros_text(double us) {
    return format_duration(std::chrono::nanoseconds(std::llround(us * 1e3)));
}

std::string padded_right(std::string_view text, std::size_t columns) {
    const std::size_t used = display_width(text);
    return std::string(text) + std::string(columns > used ? columns - used : 0, ' ');
}

std::string padded_left(std::string_view text, std::size_t columns) {
    const std::size_t used = display_width(text);
    return std::string(columns > used ? columns - used : 0, ' ') + std::string(text);
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        const std::size_t columns = display_width(word);
        if (column > indent && column + 1 + columns > width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (!out.empty() && column > 0 && out.back() != ' ') {
            out += ' ';
            ++column;
        }
        out += word;
        column += columns;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace qck::render
