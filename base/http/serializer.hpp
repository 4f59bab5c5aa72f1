#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <string_view>

#include "base/http/head.hpp"

namespace qck::http {

/// `Sun, 06 Nov 1994 08:49:37 GMT`
inline constexpr std::size_t http_date_bytes = 29;
/// Writes an IMF-fixdate (RFC 9110 section 5.6.7) of `http_date_bytes`, without a closing NUL; for
/// the years 1970 to 9999.
void write_http_date(char* out, std::time_t second);

/// The Date of now, formatted once a second. Not thread-safe.
class HttpDate {
public:
    /// The view lives until the next call.
    std::string_view at(std::time_t second) {
        if (second != second_) {
            write_http_date(text_.data(), second);
            second_ = second;
        }
        return {text_.data(), text_.size()};
    }

private:
    std::time_t second_ = -1;
    std::array<char, http_date_bytes> text_{};
};

/// `Not Found`; empty for a status that has no registered phrase.
std::string_view reason_phrase(std::uint16_t status);
/// `GET`, `DELETE`.
std::string_view method_name(Method method);

struct HeaderField {
    std::string_view name;
    std::string_view value;
};

/// A response but for its body. Empty views are left out.
struct ResponseFields {
    std::uint16_t status = 200;
    bool keep_alive = true;          ///< false adds `Connection: close`
    std::uint8_t version_minor = 1;  ///< of the request: keep-alive has to be said to HTTP/1.0
    std::string_view date;
    std::string_view content_type;
    std::span<const HeaderField> headers;
};

/// Appends the head of a response, its empty line included, with `Content-Length: body_bytes` (left
/// out for 1xx, 204 and 304). The response always says HTTP/1.1. CR, LF and NUL in a value are
/// written as spaces (RFC 9110 section 5.5), so that no value can end the head; names are the
/// caller's to get right.
void append_response_head(std::string& out, const ResponseFields& fields, std::uint64_t body_bytes);

}  // namespace qck::http
