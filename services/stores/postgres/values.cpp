#include "services/stores/postgres/values.hpp"

#include <charconv>
#include <pqxx/pqxx>
#include <utility>

namespace qck::postgres {
namespace {

/// 6.x and 7.x differ in the types of positions.
pqxx::field field_of(const pqxx::result& result, std::size_t row, int column) {
    return result[static_cast<pqxx::result::size_type>(row)]
                 [static_cast<pqxx::row::size_type>(column)];
}

}  // namespace

void ArrayText::separate() {
    if (!items_.empty()) items_ += ',';
}

ArrayText& ArrayText::add(std::int64_t value) {
    separate();
    items_ += std::to_string(value);
    return *this;
}

ArrayText& ArrayText::add(std::string_view value) {
    separate();
    items_ += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') items_ += '\\';
        items_ += c;
    }
    items_ += '"';
    return *this;
}

ArrayText& ArrayText::add_null() {
    separate();
    items_ += "NULL";
    return *this;
}

Parameters& Parameters::add(std::string value) {
    values_.emplace_back(std::move(value));
    return *this;
}

Parameters& Parameters::add_null() {
    values_.emplace_back(std::nullopt);
    return *this;
}

Rows::Rows(const pqxx::result& result) : result_(std::make_shared<const pqxx::result>(result)) {}

std::size_t Rows::size() const { return result_ ? static_cast<std::size_t>(result_->size()) : 0; }

std::size_t Rows::affected() const {
    return result_ ? static_cast<std::size_t>(result_->affected_rows()) : 0;
}

std::string_view Rows::text(std::size_t row, int column) const {
    const auto field = field_of(*result_, row, column);
    return {field.c_str(), static_cast<std::size_t>(field.size())};
}

std::int64_t Rows::integer(std::size_t row, int column) const {
    const auto digits = text(row, column);
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

bool Rows::is_null(std::size_t row, int column) const {
    return field_of(*result_, row, column).is_null();
}

}  // namespace qck::postgres
