#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pqxx {
class result;
}

namespace qck::postgres {

/// The text of a PostgreSQL array, for a parameter that is cast to one: `{1,NULL,"a\"b"}`. Gives a
/// statement that takes any number of rows by unnest().
class ArrayText {
public:
    ArrayText& add(std::int64_t value);
    ArrayText& add(std::uint64_t value) { return add(static_cast<std::int64_t>(value)); }
    ArrayText& add(std::string_view value);
    ArrayText& add_null();
    template <class T>
    ArrayText& add(const std::optional<T>& value) {
        return value ? add(static_cast<std::int64_t>(*value)) : add_null();
    }
    std::string text() const { return "{" + items_ + "}"; }

private:
    void separate();
    std::string items_;
};

/// Values of `$1`, `$2` … as text; the statement casts them. Bytes after a NUL are not sent.
class Parameters {
public:
    Parameters& add(std::int64_t value) { return add(std::to_string(value)); }
    Parameters& add(std::uint64_t value) { return add(static_cast<std::int64_t>(value)); }
    Parameters& add(std::string value);
    Parameters& add(std::string_view value) { return add(std::string(value)); }
    Parameters& add(const char* value) { return add(std::string(value)); }
    Parameters& add(const ArrayText& value) { return add(value.text()); }
    Parameters& add_null();
    template <class T>
    Parameters& add(const std::optional<T>& value) {
        return value ? add(static_cast<std::int64_t>(*value)) : add_null();
    }
    const std::vector<std::optional<std::string>>& values() const { return values_; }

private:
    std::vector<std::optional<std::string>> values_;
};

/// What a statement gave. Rows and columns count from 0; both must be there.
class Rows {
public:
    Rows() = default;
    explicit Rows(const pqxx::result& result);

    std::size_t size() const;
    /// Rows that an INSERT, UPDATE or DELETE touched.
    std::size_t affected() const;
    /// Views live as long as the Rows (or a copy).
    std::string_view text(std::size_t row, int column) const;
    std::int64_t integer(std::size_t row, int column) const;
    std::uint64_t number(std::size_t row, int column) const {
        return static_cast<std::uint64_t>(integer(row, column));
    }
    bool is_null(std::size_t row, int column) const;

private:
    std::shared_ptr<const pqxx::result> result_;
};

}  // namespace qck::postgres
