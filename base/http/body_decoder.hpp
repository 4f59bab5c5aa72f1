#pragma once

#include <string>

#include "base/http/head.hpp"

namespace qck::http {

/// Takes the body of one message off the bytes that follow its head (RFC 9112 sections 6 and 7).
///
/// Incremental, and the outcome does not depend on how the bytes were cut. Chunk sizes are 1 to 16
/// hex digits with nothing around them; extensions are checked for control bytes and dropped;
/// trailers are checked as headers are and dropped. What comes besides content (extensions,
/// trailers) is bounded by overhead_bytes_max in all. Not thread-safe.
class BodyDecoder {
public:
    /// Extensions and trailers of a chunked body together; more is refused.
    static constexpr std::size_t overhead_bytes_max = 8 * 1024;

    /// Ready for the body of this head. A body of more than `body_bytes_max` bytes fails with 413.
    void start(Framing framing, std::uint64_t content_length, std::uint64_t body_bytes_max);

    /// Takes what belongs to the body off the front of `in`; `consumed` says how many bytes that
    /// was. Content is appended to `*out`, or only counted when `out` is null. need_more: all of
    /// `in` was taken. complete: the rest of `in` is the next message. failed: error_status() and
    /// error_reason() say why. The last two are final until start().
    ParseStatus feed(std::string_view in, std::string* out, std::size_t& consumed);

    /// The peer has closed: complete where that ends the body (until_close), else failed.
    ParseStatus finish();

    /// Content so far, after removal of the framing.
    std::uint64_t body_bytes() const { return body_bytes_; }
    /// 400 or 413.
    std::uint16_t error_status() const { return error_status_; }
    const char* error_reason() const { return error_reason_; }

private:
    enum class State : std::uint8_t {
        content,  ///< `remaining_` bytes of Content-Length
        until_close,
        chunk_size,
        extension_name,   ///< before its first byte while extension_is_empty_
        extension_value,  ///< as extension_name
        extension_quoted,
        extension_escape,    ///< after a backslash
        extension_unquoted,  ///< after the closing quote
        chunk_size_lf,
        chunk_data,
        chunk_data_cr,
        chunk_data_lf,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        last_lf,
        complete,
        failed,
    };

    ParseStatus status() const;
    void fail(std::uint16_t status, const char* reason);
    std::size_t take_content(std::string_view in, std::string* out);
    void take_framing_byte(char byte);
    void take_chunk_size_byte(char byte);
    void take_extension_byte(char byte);
    void take_trailer_byte(char byte);
    void count_overhead();

    State state_ = State::complete;
    std::uint8_t size_digits_ = 0;
    bool extension_is_empty_ = true;
    std::uint16_t error_status_ = 0;
    std::uint32_t overhead_bytes_ = 0;
    std::uint64_t remaining_ = 0;  ///< of the content or of the current chunk
    std::uint64_t body_bytes_ = 0;
    std::uint64_t body_bytes_max_ = 0;
    const char* error_reason_ = "";
};

}  // namespace qck::http
