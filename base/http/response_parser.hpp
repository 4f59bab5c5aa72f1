#pragma once

#include "base/http/field_name.hpp"
#include "base/http/head.hpp"
#include "base/http/header_line.hpp"
#include "base/http/line_cutter.hpp"

namespace qck::http {

/// Parses one response head at a time, strictly, in place, incrementally: as RequestParser does,
/// with the same promises about cuts, moving buffers and linear work.
///
/// It is told the method that the response answers, because that decides whether a body follows
/// (RFC 9112 section 6.3). Interim (1xx) responses are skipped and count as part of the head that
/// follows; 101 is refused, since nothing here asks for an upgrade. A response that says both
/// Content-Length and Transfer-Encoding, or either twice, is refused: its end cannot be trusted.
/// Without either the body runs until the connection closes. Not thread-safe.
class ResponseParser {
public:
    /// `limits` outlives the parser; its head_bytes_max is below 4 GiB, its target_bytes_max is not
    /// used.
    explicit ResponseParser(const Limits& limits) : limits_(&limits) {}

    /// Ready for the response to a request of this method, which begins a new buffer.
    void reset(Method request_method);

    /// `buffer` begins with the first byte of the response and may go on past its head.
    /// complete: head() is valid while the buffer is; the body begins at head_bytes().
    /// failed: error_reason() says why; the connection is of no more use. Both are final until
    /// reset().
    ParseStatus parse(std::string_view buffer);

    const ResponseHead& head() const { return head_; }
    std::size_t head_bytes() const { return progress_.position; }
    /// One short line, e.g. "the status line is malformed".
    const char* error_reason() const { return error_reason_; }

private:
    enum class Stage : std::uint8_t { status_line, headers, complete, failed };
    /// A piece of the buffer.
    struct Span {
        std::uint32_t offset = 0;
        std::uint32_t bytes = 0;
    };

    void begin_head();
    ParseStatus fail(const char* reason);
    ParseStatus parse_lines(std::string_view buffer, LineCutter& lines);
    ParseStatus stopped(LineCutter::Outcome outcome);
    ParseStatus end_head(std::string_view buffer);
    Refusal take_status_line(std::string_view line);
    Refusal take_header(std::string_view buffer, std::string_view line);
    Refusal conclude(std::string_view buffer);

    const Limits* limits_;
    LineCutter::Progress progress_;
    MessageFraming framing_;
    std::uint32_t seen_ = 0;  ///< a bit for each Field
    std::uint32_t header_count_ = 0;
    Stage stage_ = Stage::status_line;
    Method request_method_ = Method::get;
    std::uint8_t version_minor_ = 1;
    std::uint16_t status_ = 0;
    Span location_;  ///< these three are valid where `seen_` has the bit
    Span content_type_;
    Span retry_after_;
    const char* error_reason_ = "";
    ResponseHead head_;
};

}  // namespace qck::http
