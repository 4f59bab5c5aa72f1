#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace qck::http {

enum class Plus { is_plus, is_space };

/// `text` with its %XX decoded (RFC 3986 section 2.1); `+` as a space in queries of forms. Empty
/// when an escape is cut short, is not hexadecimal, or stands for NUL.
std::optional<std::string> percent_decode(std::string_view text, Plus plus = Plus::is_plus);

/// `text` with every byte that is not unreserved (RFC 3986 section 2.3) as %XX.
std::string percent_encode(std::string_view text);

/// Walks the `name=value` pairs of a query, still encoded. Empty pairs are skipped.
///
///     for (QueryParameters p(head.query()); p.next();) use(p.name(), p.value());
class QueryParameters {
public:
    /// `query` is without its `?`, and outlives the walk.
    explicit QueryParameters(std::string_view query) : rest_(query) {}
    bool next();
    std::string_view name() const { return name_; }
    std::string_view value() const { return value_; }

private:
    std::string_view rest_;
    std::string_view name_;
    std::string_view value_;
};

}  // namespace qck::http
