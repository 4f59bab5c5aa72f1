#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace qck::render {

/// Columns of text, aligned, two spaces apart. Widths count UTF-8 characters.
///
///     Table table({{"CODE"}, {"TARGET"}, {"CLICKS", Align::right}});
///     table.add({"viral", "https://example.com/", "12,480,113"});
///     out << table.text(terminal_width());
class Table {
public:
    enum class Align : unsigned char { left, right };
    struct Column {
        std::string_view title;  ///< a literal
        Align align = Align::left;
        /// Gives way, down to its title's width, when the table is wider than it may be.
        bool shrinks = false;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// A cell for each column.
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const { return rows_.empty(); }

    /// The titles and the rows, a line each. Cut cells end in `...`. 0: as wide as it gets.
    std::string text(std::size_t width_max = 0) const;

private:
    std::vector<std::size_t> widths(std::size_t width_max) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// Characters of UTF-8 text, not bytes.
std::size_t display_width(std::string_view text);

/// The first characters of UTF-8 text, at most so many.
std::string_view leading_columns(std::string_view text, std::size_t columns);

/// Columns of the terminal behind `fd`; 0 when it is none.
std::size_t terminal_width(int fd);

}  // namespace qck::render
