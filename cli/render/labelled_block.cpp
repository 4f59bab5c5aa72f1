#include "cli/render/labelled_block.hpp"

#include <algorithm>

#include "cli/render/table.hpp"

namespace qck::render {

std::size_t text_width(const Terminal& terminal) {
    return static_cast<std::size_t>(std::clamp(terminal.width, 24, 100));
}

void Block::paragraph(std::string_view text, Tone tone) {
    const std::string shown = plain_if_needed(terminal_, text);
    const std::string broken = wrapped(shown, text_width(terminal_) - label_columns, 0);
    std::string_view rest = broken;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        line(rest.substr(0, end), tone);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
}

void Block::parts(const std::vector<std::string>& all, std::string_view between, Tone tone) {
    const std::size_t width = text_width(terminal_) - label_columns;
    const std::string gap = plain_if_needed(terminal_, between);
    std::string text;
    const auto finish = [&] {
        if (display_width(text) <= width) return line(text, tone);
        paragraph(text, tone);
    };
    for (const std::string& part : all) {
        const std::string shown = plain_if_needed(terminal_, part);
        const std::size_t columns = display_width(text) + display_width(gap) + display_width(shown);
        if (!text.empty() && columns > width) {
            finish();
            text.clear();
        }
        text += (text.empty() ? "" : gap) + shown;
    }
    finish();
}

void Block::line(std::string_view shown, Tone tone) {
    const std::string_view label = first_ ? label_ : std::string_view{};
    first_ = false;
    out_ += padded_right(label, label_columns) + toned(terminal_, tone, shown) + "\n";
}

}  // namespace qck::render
