#include "base/http/request_parser.hpp"

#include <algorithm>
#include <bit>

#include "base/http/host.hpp"
#include "base/http/same_but_case.hpp"

namespace qck::http {
namespace {

constexpr std::string_view version_1_1 = " HTTP/1.1";
/// Fields whose second appearance would leave it to chance what is meant.
constexpr std::uint32_t request_singletons =
    bit_of(Field::host) | bit_of(Field::content_length) | bit_of(Field::transfer_encoding) |
    bit_of(Field::authorization) | bit_of(Field::content_type) | bit_of(Field::content_encoding);

/// Where RequestHead has the value of a field; null for those it does not have.
constexpr std::array<std::string_view RequestHead::*, field_count> view_of_field = [] {
    std::array<std::string_view RequestHead::*, field_count> views{};
    const auto place = [&views](Field field, std::string_view RequestHead::*view) {
        views[static_cast<std::size_t>(field)] = view;
    };
    place(Field::host, &RequestHead::host);
    place(Field::user_agent, &RequestHead::user_agent);
    place(Field::referer, &RequestHead::referer);
    place(Field::purpose, &RequestHead::purpose);
    place(Field::authorization, &RequestHead::authorization);
    place(Field::content_type, &RequestHead::content_type);
    place(Field::content_encoding, &RequestHead::content_encoding);
    place(Field::accept, &RequestHead::accept);
    place(Field::forwarded_for, &RequestHead::forwarded_for);
    place(Field::ip_country, &RequestHead::ip_country);
    return views;
}();

constexpr std::uint32_t fields_with_view = [] {
    std::uint32_t bits = 0;
    for (std::size_t field = 0; field < field_count; ++field) {
        if (view_of_field[field] != nullptr) bits |= 1U << field;
    }
    return bits;
}();

Refusal refuse_second(Field field) {
    switch (field) {
        case Field::host:
            return {400, "Host appears twice"};
        case Field::content_length:
            return {400, "Content-Length appears twice"};
        case Field::transfer_encoding:
            return {400, "Transfer-Encoding appears twice"};
        case Field::authorization:
            return {400, "Authorization appears twice"};
        case Field::content_type:
            return {400, "Content-Type appears twice"};
        default:
            return {400, "Content-Encoding appears twice"};
    }
}

Refusal method_of(std::string_view name, Method& method) {
    struct Known {
        std::string_view name;
        Method method;
    };
    static constexpr std::array<Known, 7> known{{{"GET", Method::get},
                                                 {"HEAD", Method::head},
                                                 {"POST", Method::post},
                                                 {"PUT", Method::put},
                                                 {"PATCH", Method::patch},
                                                 {"DELETE", Method::delete_},
                                                 {"OPTIONS", Method::options}}};
    for (const Known& each : known) {
        if (name == each.name) {
            method = each.method;
            return {};
        }
    }
    const char* const end = name.data() + name.size();
    if (name.empty() || find_not_in(token_byte, name.data(), end) != end)
        return {400, "the method is malformed"};
    return {501, "the method is not known here"};
}

Refusal version_of(std::string_view text, std::uint8_t& minor) {
    const auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
    if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
        !is_digit(text[7])) {
        return {400, "the HTTP version is malformed"};
    }
    if (text[5] != '1' || text[7] > '1') return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    minor = text[7] == '1' ? 1 : 0;
    return {};
}

/// Bytes of `http://` or `https://` at the front of a target, 0 when there is neither.
std::size_t scheme_bytes_of(std::string_view target) {
    for (const std::string_view scheme :
         {std::string_view("http://"), std::string_view("https://")}) {
        if (same_but_case(target.substr(0, scheme.size()), scheme)) return scheme.size();
    }
    return 0;
}

}  // namespace

void RequestParser::reset() {
    progress_ = {};
    framing_ = {};
    seen_ = 0;
    header_count_ = 0;
    stage_ = Stage::request_line;
    skipped_empty_line_ = false;
    expect_continue_ = false;
    authority_ = {};
    refusal_ = {};
}

ParseStatus RequestParser::fail(Refusal refusal) {
    refusal_ = refusal;
    stage_ = Stage::failed;
    return ParseStatus::failed;
}

ParseStatus RequestParser::stopped(LineCutter::Outcome outcome) {
    if (outcome == LineCutter::Outcome::need_more) return ParseStatus::need_more;
    if (outcome == LineCutter::Outcome::bad_byte) {
        return fail({400, "a control byte, or a line that does not end with CRLF"});
    }
    if (stage_ == Stage::request_line) return fail({414, "the request target is too long"});
    return fail({431, "the request head is too long"});
}

ParseStatus RequestParser::parse(std::string_view buffer) {
    if (stage_ == Stage::complete) return ParseStatus::complete;
    if (stage_ == Stage::failed) return ParseStatus::failed;
    LineCutter lines(buffer, limits_->head_bytes_max, progress_);
    const ParseStatus status = parse_lines(buffer, lines);
    progress_ = lines.progress();
    return status;
}

[[gnu::always_inline]] inline ParseStatus RequestParser::parse_lines(std::string_view buffer,
                                                                     LineCutter& lines) {
    std::string_view line;
    while (stage_ == Stage::request_line) {
        const auto outcome = lines.next(line);
        if (outcome != LineCutter::Outcome::line) return stopped(outcome);
        if (line.empty() && !skipped_empty_line_) {
            skipped_empty_line_ = true;
            continue;
        }
        if (const Refusal refusal = take_request_line(buffer, line)) return fail(refusal);
        stage_ = Stage::headers;
    }
    for (;;) {
        const auto outcome = lines.next(line);
        if (outcome != LineCutter::Outcome::line) return stopped(outcome);
        if (line.empty()) break;
        if (const Refusal refusal = take_header(buffer, line)) return fail(refusal);
    }
    if (const Refusal refusal = conclude(buffer)) return fail(refusal);
    stage_ = Stage::complete;
    return ParseStatus::complete;
}

[[gnu::always_inline]] inline Refusal RequestParser::take_request_line(std::string_view buffer,
                                                                       std::string_view line) {
    const std::size_t around_target = 4 + version_1_1.size();
    if (line.size() <= around_target || !line.starts_with("GET ") || !line.ends_with(version_1_1))
        [[unlikely]] {
        return take_other_request_line(buffer, line);
    }
    method_ = Method::get;
    version_minor_ = 1;
    return take_target(buffer, {line.data() + 4, line.size() - around_target});
}

Refusal RequestParser::take_other_request_line(std::string_view buffer, std::string_view line) {
    const std::size_t first_space = line.find(' ');
    const std::size_t last_space = line.rfind(' ');
    if (first_space == std::string_view::npos || first_space == last_space) {
        return {400, "the request line is not: method, target, version"};
    }
    if (const Refusal refusal = version_of(line.substr(last_space + 1), version_minor_))
        return refusal;
    if (const Refusal refusal = method_of(line.substr(0, first_space), method_)) return refusal;
    return take_target(buffer, line.substr(first_space + 1, last_space - first_space - 1));
}

inline Refusal RequestParser::take_target(std::string_view buffer, std::string_view target) {
    if (target.size() > limits_->target_bytes_max) [[unlikely]]
        return {414, "the request target is too long"};
    // The space after the target stops the scan, so it may run to the end of the buffer.
    const char* const end =
        find_target_end(buffer.data(), target.data(), buffer.data() + buffer.size());
    if (end != target.data() + target.size()) [[unlikely]] {
        return {400, "the request target has a byte that is not allowed"};
    }
    target_ = {static_cast<std::uint32_t>(target.data() - buffer.data()),
               static_cast<std::uint32_t>(target.size())};
    return target.starts_with('/') ? Refusal{} : take_other_target(buffer, target);
}

Refusal RequestParser::take_other_target(std::string_view buffer, std::string_view target) {
    if (target == "*" && method_ == Method::options) return {};
    const std::size_t scheme_bytes = scheme_bytes_of(target);
    if (scheme_bytes == 0) return {400, "the request target is malformed"};
    return take_absolute_target(buffer, target, scheme_bytes);
}

Refusal RequestParser::take_absolute_target(std::string_view buffer, std::string_view target,
                                            std::size_t scheme_bytes) {
    const auto offset = static_cast<std::uint32_t>(target.data() - buffer.data());
    const std::size_t authority_end =
        std::min(target.find_first_of("/?", scheme_bytes), target.size());
    if (!is_host(buffer, target.substr(scheme_bytes, authority_end - scheme_bytes))) {
        return {400, "the host of the request target is malformed"};
    }
    const std::size_t path_bytes = target.size() - authority_end;
    if (path_bytes != 0 && target[authority_end] == '?')
        return {400, "the request target has a query but no path"};
    authority_ = {static_cast<std::uint32_t>(offset + scheme_bytes),
                  static_cast<std::uint32_t>(authority_end - scheme_bytes)};
    target_ = {static_cast<std::uint32_t>(offset + authority_end),
               static_cast<std::uint32_t>(path_bytes)};
    return {};
}

[[gnu::always_inline]] inline Refusal RequestParser::take_header(std::string_view buffer,
                                                                 std::string_view line) {
    if (++header_count_ > limits_->headers_max) return {431, "there are too many headers"};
    std::string_view name;
    std::string_view value;
    if (const Refusal refusal = split_header(buffer, line, name, value)) return refusal;
    const Field field = field_of(name);
    if (field == Field::other) return {};
    value = trimmed(value);
    if ((seen_ & bit_of(field) & request_singletons) != 0) return refuse_second(field);
    seen_ |= bit_of(field);
    values_[static_cast<std::size_t>(field)] = {
        static_cast<std::uint32_t>(value.data() - buffer.data()),
        static_cast<std::uint32_t>(value.size())};
    switch (field) {
        case Field::host:
            return is_host(buffer, value) ? Refusal{} : Refusal{400, "Host is malformed"};
        case Field::content_length:
            return framing_.take_content_length(value);
        case Field::transfer_encoding:
            return framing_.take_transfer_encoding(value);
        case Field::connection:
            framing_.take_connection(value);
            return {};
        case Field::expect:
            expect_continue_ = expect_continue_ || same_but_case(value, "100-continue");
            return {};
        default:
            return {};
    }
}

[[gnu::always_inline]] inline Refusal RequestParser::conclude(std::string_view buffer) {
    const auto view = [buffer](Span span) {
        return std::string_view(buffer.data() + span.offset, span.bytes);
    };
    if (version_minor_ == 1 && (seen_ & bit_of(Field::host)) == 0) return {400, "Host is missing"};
    if (const Refusal refusal =
            framing_.conclude(version_minor_, head_.framing, head_.content_length))
        return refusal;
    if (head_.content_length > limits_->body_bytes_max) return {413, "the body is too long"};
    head_.method = method_;
    head_.version_minor = version_minor_;
    head_.keep_alive = framing_.keep_alive(version_minor_);
    const bool has_body = head_.framing == Framing::chunked || head_.content_length != 0;
    head_.expect_continue = expect_continue_ && has_body && version_minor_ == 1;
    // An absolute-form target may have no path.
    head_.target = target_.bytes != 0 ? view(target_) : method_ == Method::options ? "*" : "/";
    const std::uint32_t given = seen_ & fields_with_view;
    for (std::uint32_t bits = given; bits != 0; bits &= bits - 1) {
        const auto field = static_cast<std::size_t>(std::countr_zero(bits));
        head_.*view_of_field[field] = view(values_[field]);
    }
    // Of the request before, only what this one does not have must be cleared: mostly nothing.
    for (std::uint32_t bits = views_set_ & ~given; bits != 0; bits &= bits - 1) {
        head_.*view_of_field[static_cast<std::size_t>(std::countr_zero(bits))] = {};
    }
    views_set_ = given;
    if (authority_.bytes != 0) {
        head_.host = view(authority_);
        views_set_ |= bit_of(Field::host);
    }
    return {};
}

}  // namespace qck::http
