#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qck::clickhouse {

/// Texts that columns of strings are made of, each with its length before it.
class TextTable {
public:
    /// Of `text(entry)` of each entry.
    template <class Entries, class Text>
    TextTable(const Entries& entries, Text&& text) {
        ends_.reserve(entries.size() + 1);
        ends_.push_back(0);
        for (const auto& entry : entries) add(text(entry));
    }
    std::string_view at(std::size_t index) const {
        return {bytes_.data() + ends_[index], ends_[index + 1] - ends_[index]};
    }

private:
    void add(std::string_view text);

    std::string bytes_;
    std::vector<std::size_t> ends_;
};

/// Appends one block of the format Native to a text, as a server reads it from a client without a
/// revision: the numbers of columns and rows, then each column whole, with its name and type. A
/// server converts String to LowCardinality(String) by itself.
///
/// Columns of numbers are arrays in memory as they are on the wire; strings are a length (LEB128)
/// and bytes. Format: https://clickhouse.com/docs/en/interfaces/formats#native, and
/// NativeBlockInputStream.cpp of 18.16.
class NativeBlock {
public:
    /// `out` outlives it; nothing else is appended meanwhile.
    NativeBlock(std::string& out, std::size_t columns, std::size_t rows);

    /// One value of `number(row)` for each of `rows`.
    template <std::integral T, class Rows, class Number>
    void numbers(std::string_view name, std::string_view type, const Rows& rows, Number&& number) {
        begin_column(name, type);
        char* out = grow(rows.size() * sizeof(T));
        for (const auto& row : rows) {
            const T value = static_cast<T>(number(row));
            std::memcpy(out, &value, sizeof value);
            out += sizeof value;
        }
    }

    /// One string for each of `rows`: the `index(row)`th of `texts`.
    template <class Rows, class Index>
    void strings(std::string_view name, const TextTable& texts, const Rows& rows, Index&& index) {
        begin_column(name, "String");
        std::size_t bytes = 0;
        for (const auto& row : rows) bytes += texts.at(index(row)).size();
        char* out = grow(bytes);
        for (const auto& row : rows) {
            const std::string_view text = texts.at(index(row));
            std::memcpy(out, text.data(), text.size());
            out += text.size();
        }
    }

    /// Room for a column of `bytes` in all, which the caller fills.
    char* raw(std::string_view name, std::string_view type, std::size_t bytes) {
        begin_column(name, type);
        return grow(bytes);
    }

private:
    void begin_column(std::string_view name, std::string_view type);
    char* grow(std::size_t bytes);

    std::string& bytes_;
};

}  // namespace qck::clickhouse
