#pragma once

#include <array>

#include "base/http/field_name.hpp"
#include "base/http/head.hpp"
#include "base/http/header_line.hpp"
#include "base/http/line_cutter.hpp"

namespace qck::http {

/// Parses one request head at a time, strictly (RFC 9112), in place, without reading sockets.
///
/// Incremental: parse() may be called with the same message over and over as more of it arrives; it
/// goes on where it stopped, so a peer that sends one byte at a time costs linear work. The bytes
/// may move between calls (offsets are kept, not pointers), but must not change. What it answers
/// depends on the bytes alone, never on how they were cut.
///
/// Choices where the RFC leaves one: a single CRLF before the request line is skipped (section 2.2)
/// and a second refused; an absolute-form target replaces Host (section 3.2.2), whose presence is
/// still asked for; a query right after the authority (`http://host?q`) is refused; expectations
/// other than 100-continue are ignored. Of a header that came more than once the last counts; Host,
/// Content-Length, Transfer-Encoding, Authorization, Content-Type and Content-Encoding may not.
/// Not thread-safe.
class RequestParser {
public:
    /// `limits` outlives the parser; its head_bytes_max is below 4 GiB.
    explicit RequestParser(const Limits& limits) : limits_(&limits) {}

    /// `buffer` begins with the first byte of the request and may go on past its head.
    /// complete: head() is valid while the buffer is, and head_bytes() says how long the head was.
    /// failed: error_status() and error_reason() say why; the connection is to be closed.
    /// Both are final until reset().
    ParseStatus parse(std::string_view buffer);

    const RequestHead& head() const { return head_; }
    std::size_t head_bytes() const { return progress_.position; }
    /// 400, 413, 414, 431, 501 or 505.
    std::uint16_t error_status() const { return refusal_.status; }
    /// One short line for the problem document, e.g. "Content-Length appears twice".
    const char* error_reason() const { return refusal_.reason; }

    /// Ready for the next request, which begins a new buffer.
    void reset();

private:
    enum class Stage : std::uint8_t { request_line, headers, complete, failed };
    /// A piece of the buffer.
    struct Span {
        std::uint32_t offset = 0;
        std::uint32_t bytes = 0;
    };

    ParseStatus fail(Refusal refusal);
    ParseStatus parse_lines(std::string_view buffer, LineCutter& lines);
    ParseStatus stopped(LineCutter::Outcome outcome);
    Refusal take_request_line(std::string_view buffer, std::string_view line);
    Refusal take_other_request_line(std::string_view buffer, std::string_view line);
    Refusal take_target(std::string_view buffer, std::string_view target);
    Refusal take_other_target(std::string_view buffer, std::string_view target);
    Refusal take_absolute_target(std::string_view buffer, std::string_view target,
                                 std::size_t scheme_bytes);
    Refusal take_header(std::string_view buffer, std::string_view line);
    Refusal conclude(std::string_view buffer);

    const Limits* limits_;
    LineCutter::Progress progress_;
    MessageFraming framing_;
    std::uint32_t seen_ = 0;  ///< a bit for each Field
    std::uint32_t views_set_ =
        0;  ///< fields of which head_ has a view, from this request or the last
    std::uint32_t header_count_ = 0;
    Stage stage_ = Stage::request_line;
    bool skipped_empty_line_ = false;
    bool expect_continue_ = false;
    Method method_ = Method::get;
    std::uint8_t version_minor_ = 1;
    Span target_;
    Span authority_;                        ///< of an absolute-form target
    std::array<Span, field_count> values_;  ///< valid where `seen_` has the bit
    Refusal refusal_;
    RequestHead head_;
};

}  // namespace qck::http
