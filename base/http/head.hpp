#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace qck::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options };

/// How the end of a body is found (RFC 9112 section 6.3).
enum class Framing : std::uint8_t { none, content_length, chunked, until_close };

/// What a peer may send before it is refused.
struct Limits {
    /// A longer request target answers 414.
    std::size_t target_bytes_max = 8 * 1024;
    /// Start line and headers together; more answers 431. Also bounds a session's input buffer.
    std::size_t head_bytes_max = 16 * 1024;
    /// More header lines answer 431.
    std::size_t headers_max = 100;
    /// A longer body answers 413.
    std::uint64_t body_bytes_max = 1024 * 1024;
};

/// A parsed request head. Views point into the buffer given to the parser, and live as long as it
/// does. Headers that are absent are empty views; values have no surrounding white space.
struct RequestHead {
    Method method = Method::get;
    std::uint8_t version_minor = 1;
    /// After this exchange: RFC 9112 section 9.3.
    bool keep_alive = true;
    bool expect_continue = false;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;
    /// Origin form, as sent: `/path?query`, or `*` for OPTIONS. Absolute form is reduced to it.
    std::string_view target;
    std::string_view host;
    std::string_view user_agent;
    std::string_view referer;
    std::string_view purpose;  ///< Sec-Purpose, Purpose or X-Moz, whichever came
    std::string_view authorization;
    std::string_view content_type;
    std::string_view content_encoding;
    std::string_view accept;
    std::string_view forwarded_for;  ///< X-Forwarded-For
    std::string_view ip_country;     ///< CF-IPCountry

    std::string_view path() const { return target.substr(0, target.find('?')); }
    std::string_view query() const {
        const auto mark = target.find('?');
        return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    }
};

/// A parsed response head; views as in RequestHead.
struct ResponseHead {
    std::uint16_t status = 0;
    std::uint8_t version_minor = 1;
    bool keep_alive = true;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;
    std::string_view location;
    std::string_view content_type;
    std::string_view retry_after;
};

/// What a parser says of the bytes so far.
enum class ParseStatus : std::uint8_t { need_more, complete, failed };

}  // namespace qck::http
