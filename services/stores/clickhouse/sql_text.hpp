#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace qck::clickhouse {

/// A string literal of ClickHouse: in quotes, with quotes and backslashes escaped.
std::string sql_quoted(std::string_view text);

/// A value for a query, already written as SQL. (Servers before 19.14 have no query parameters.)
class SqlValue {
public:
    SqlValue(std::string_view text) : sql_(sql_quoted(text)) {}
    SqlValue(const char* text) : sql_(sql_quoted(text)) {}
    SqlValue(const std::string& text) : sql_(sql_quoted(text)) {}
    template <std::integral T>
    SqlValue(T number) : sql_(std::to_string(number)) {}
    const std::string& sql() const { return sql_; }

private:
    std::string sql_;
};

/// `text` with each `?` replaced by the next value. As many values as marks; `text` is a constant
/// of the program.
std::string sql(std::string_view text, std::initializer_list<SqlValue> values);

}  // namespace qck::clickhouse
