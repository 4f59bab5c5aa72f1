#pragma once

#include "base/http/head.hpp"

namespace qck::http {

/// Parses one request head at a time, strictly (RFC 9112), in place, without reading sockets.
///
/// Incremental: parse() may be called with the same message over and over as more of it arrives; it
/// goes on where it stopped, so a peer that sends one byte at a time costs linear work. The bytes may
/// move between calls (offsets are kept, not pointers), but must not change.
/// Not thread-safe.
class RequestParser {
public:
    explicit RequestParser(const Limits& limits) : limits_(&limits) {}

    /// `buffer` begins with the first byte of the request and may go on past its head.
    /// complete: head() is valid while the buffer is, and head_bytes() says how long the head was.
    /// failed: error_status() and error_reason() say why; the connection is to be closed.
    ParseStatus parse(std::string_view buffer);

    const RequestHead& head() const { return head_; }
    std::size_t head_bytes() const { return position_; }
    /// 400, 413, 414, 431, 501 or 505.
    std::uint16_t error_status() const { return error_status_; }
    /// One short line for the problem document, e.g. "Content-Length appears twice".
    const char* error_reason() const { return error_reason_; }

    /// Ready for the next request, which begins a new buffer.
    void reset();

private:
    const Limits* limits_;
    RequestHead head_;
    std::size_t position_ = 0;
    std::uint16_t error_status_ = 0;
    const char* error_reason_ = "";
};

}  // namespace qck::http
