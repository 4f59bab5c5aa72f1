#include "base/http/response_parser.hpp"

namespace qck::http {
namespace {

constexpr std::uint32_t response_singletons =
    bit_of(Field::content_length) | bit_of(Field::transfer_encoding);

/// A body never follows these, whatever their headers say (RFC 9112 section 6.3).
bool is_bodiless(std::uint16_t status, Method request_method) {
    return request_method == Method::head || status == 204 || status == 304;
}

}  // namespace

void ResponseParser::begin_head() {
    framing_ = {};
    seen_ = 0;
    header_count_ = 0;
    stage_ = Stage::status_line;
}

void ResponseParser::reset(Method request_method) {
    begin_head();
    progress_ = {};
    request_method_ = request_method;
    error_reason_ = "";
}

ParseStatus ResponseParser::fail(const char* reason) {
    error_reason_ = reason;
    stage_ = Stage::failed;
    return ParseStatus::failed;
}

ParseStatus ResponseParser::stopped(LineCutter::Outcome outcome) {
    if (outcome == LineCutter::Outcome::need_more) return ParseStatus::need_more;
    if (outcome == LineCutter::Outcome::too_long) return fail("the response head is too long");
    return fail("a control byte, or a line that does not end with CRLF");
}

ParseStatus ResponseParser::parse(std::string_view buffer) {
    if (stage_ == Stage::complete) return ParseStatus::complete;
    if (stage_ == Stage::failed) return ParseStatus::failed;
    LineCutter lines(buffer, limits_->head_bytes_max, progress_);
    const ParseStatus status = parse_lines(buffer, lines);
    progress_ = lines.progress();
    return status;
}

[[gnu::always_inline]] inline ParseStatus ResponseParser::parse_lines(std::string_view buffer,
                                                                      LineCutter& lines) {
    std::string_view line;
    for (;;) {
        const auto outcome = lines.next(line);
        if (outcome != LineCutter::Outcome::line) return stopped(outcome);
        if (stage_ == Stage::status_line) {
            if (const Refusal refusal = take_status_line(line)) return fail(refusal.reason);
            stage_ = Stage::headers;
        } else if (!line.empty()) {
            if (const Refusal refusal = take_header(buffer, line)) return fail(refusal.reason);
        } else if (status_ >= 200) {
            return end_head(buffer);
        } else {
            if (status_ == 101)
                return fail("the response switches protocols, which was not asked for");
            begin_head();
        }
    }
}

inline ParseStatus ResponseParser::end_head(std::string_view buffer) {
    if (const Refusal refusal = conclude(buffer)) return fail(refusal.reason);
    stage_ = Stage::complete;
    return ParseStatus::complete;
}

[[gnu::always_inline]] inline Refusal ResponseParser::take_status_line(std::string_view line) {
    constexpr Refusal malformed{400, "the status line is malformed"};
    // HTTP/1.x NNN, and then nothing, or a space and the reason phrase.
    if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return malformed;
    if (line.size() > 12 && line[12] != ' ') return malformed;
    const auto minor = static_cast<unsigned>(line[7] - '0');
    const auto hundreds = static_cast<unsigned>(line[9] - '0');
    const auto tens = static_cast<unsigned>(line[10] - '0');
    const auto ones = static_cast<unsigned>(line[11] - '0');
    if (minor > 1 || hundreds < 1 || hundreds > 9 || tens > 9 || ones > 9) return malformed;
    version_minor_ = static_cast<std::uint8_t>(minor);
    status_ = static_cast<std::uint16_t>(hundreds * 100 + tens * 10 + ones);
    return {};
}

[[gnu::always_inline]] inline Refusal ResponseParser::take_header(std::string_view buffer,
                                                                  std::string_view line) {
    if (++header_count_ > limits_->headers_max) return {400, "there are too many headers"};
    std::string_view name;
    std::string_view value;
    if (const Refusal refusal = split_header(buffer, line, name, value)) return refusal;
    const Field field = field_of(name);
    if (field == Field::other) return {};
    value = trimmed(value);
    if ((seen_ & bit_of(field) & response_singletons) != 0) {
        return {400, "Content-Length or Transfer-Encoding appears twice"};
    }
    seen_ |= bit_of(field);
    const Span span{static_cast<std::uint32_t>(value.data() - buffer.data()),
                    static_cast<std::uint32_t>(value.size())};
    switch (field) {
        case Field::content_length:
            return framing_.take_content_length(value);
        case Field::transfer_encoding:
            return framing_.take_transfer_encoding(value);
        case Field::connection:
            framing_.take_connection(value);
            return {};
        case Field::location:
            location_ = span;
            return {};
        case Field::content_type:
            content_type_ = span;
            return {};
        case Field::retry_after:
            retry_after_ = span;
            return {};
        default:
            return {};
    }
}

[[gnu::always_inline]] inline Refusal ResponseParser::conclude(std::string_view buffer) {
    const auto view = [this, buffer](Field field, Span span) {
        return (seen_ & bit_of(field)) != 0 ? buffer.substr(span.offset, span.bytes)
                                            : std::string_view{};
    };
    head_.status = status_;
    head_.version_minor = version_minor_;
    head_.keep_alive = framing_.keep_alive(version_minor_);
    head_.location = view(Field::location, location_);
    head_.content_type = view(Field::content_type, content_type_);
    head_.retry_after = view(Field::retry_after, retry_after_);
    if (const Refusal refusal =
            framing_.conclude(version_minor_, head_.framing, head_.content_length))
        return refusal;
    if (is_bodiless(status_, request_method_)) {
        head_.framing = Framing::none;
        head_.content_length = 0;
    } else if (head_.framing == Framing::none) {
        head_.framing = Framing::until_close;
        head_.keep_alive = false;
    } else if (head_.content_length > limits_->body_bytes_max) {
        return {413, "the body is too long"};
    }
    return {};
}

}  // namespace qck::http
