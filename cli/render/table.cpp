#include "cli/render/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace qck::render {
namespace {

constexpr std::string_view gap = "  ";
constexpr std::string_view cut_mark = "...";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

void append_cell(std::string& line, std::string_view text, std::size_t width, Table::Align align) {
    const auto wide = display_width(text);
    if (wide > width) {
        const auto kept = width > cut_mark.size() ? width - cut_mark.size() : width;
        line.append(leading_columns(text, kept));
        if (width > cut_mark.size()) line.append(cut_mark);
        return;
    }
    if (align == Table::Align::right) line.append(width - wide, ' ');
    line.append(text);
    if (align == Table::Align::left) line.append(width - wide, ' ');
}

}  // namespace

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

std::string_view leading_columns(std::string_view text, std::size_t columns) {
    std::size_t at = 0;
    while (at < text.size()) {
        if (!continues(text[at]) && columns-- == 0) break;
        ++at;
    }
    return text.substr(0, at);
}

std::size_t terminal_width(int fd) {
    if (::isatty(fd) == 0) return 0;
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

std::vector<std::size_t> Table::widths(std::size_t width_max) const {
    std::vector<std::size_t> widths;
    std::size_t total = gap.size() * (columns_.size() - 1);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto width = display_width(columns_[i].title);
        for (const auto& row : rows_) width = std::max(width, display_width(row[i]));
        widths.push_back(width);
        total += width;
    }
    for (std::size_t i = 0; i < columns_.size() && width_max != 0 && total > width_max; ++i) {
        if (!columns_[i].shrinks) continue;
        const auto least = std::max<std::size_t>(display_width(columns_[i].title), 8);
        const auto give = std::min(total - width_max, widths[i] - std::min(widths[i], least));
        widths[i] -= give;
        total -= give;
    }
    return widths;
}

std::string Table::text(std::size_t width_max) const {
    const auto width = widths(width_max);
    std::string text;
    const auto append_line = [&](const auto& cell_of) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i != 0) line.append(gap);
            append_cell(line, cell_of(i), width[i], columns_[i].align);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text.append(line).append("\n");
    };
    append_line([&](std::size_t i) { return columns_[i].title; });
    for (const auto& row : rows_) {
        append_line([&](std::size_t i) { return std::string_view(row[i]); });
    }
    return text;
}

}  // namespace qck::render
