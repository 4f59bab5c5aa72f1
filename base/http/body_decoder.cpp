#include "base/http/body_decoder.hpp"

#include <algorithm>

#include "base/http/scan.hpp"

namespace qck::http {
namespace {

constexpr unsigned hex_digits_max = 16;

}  // namespace

void BodyDecoder::start(Framing framing, std::uint64_t content_length,
                        std::uint64_t body_bytes_max) {
    *this = BodyDecoder();
    body_bytes_max_ = body_bytes_max;
    switch (framing) {
        case Framing::none:
            break;
        case Framing::content_length:
            if (content_length > body_bytes_max) return fail(413, "the body is too long");
            remaining_ = content_length;
            if (content_length != 0) state_ = State::content;
            break;
        case Framing::chunked:
            state_ = State::chunk_size;
            break;
        case Framing::until_close:
            state_ = State::until_close;
            break;
    }
}

ParseStatus BodyDecoder::status() const {
    if (state_ == State::complete) return ParseStatus::complete;
    return state_ == State::failed ? ParseStatus::failed : ParseStatus::need_more;
}

void BodyDecoder::fail(std::uint16_t status, const char* reason) {
    state_ = State::failed;
    error_status_ = status;
    error_reason_ = reason;
}

ParseStatus BodyDecoder::finish() {
    if (state_ == State::until_close) state_ = State::complete;
    if (status() == ParseStatus::need_more) fail(400, "the connection ended within the body");
    return status();
}

ParseStatus BodyDecoder::feed(std::string_view in, std::string* out, std::size_t& consumed) {
    consumed = 0;
    while (consumed < in.size() && status() == ParseStatus::need_more) {
        const bool is_content =
            state_ == State::content || state_ == State::chunk_data || state_ == State::until_close;
        if (is_content) {
            consumed += take_content(in.substr(consumed), out);
        } else {
            take_framing_byte(in[consumed++]);
        }
    }
    return status();
}

std::size_t BodyDecoder::take_content(std::string_view in, std::string* out) {
    const bool bounded = state_ != State::until_close;
    const std::size_t bytes =
        bounded && remaining_ < in.size() ? static_cast<std::size_t>(remaining_) : in.size();
    if (bytes > body_bytes_max_ - body_bytes_) {
        fail(413, "the body is too long");
        return 0;
    }
    if (out != nullptr) out->append(in.data(), bytes);
    body_bytes_ += bytes;
    if (bounded) {
        remaining_ -= bytes;
        if (remaining_ == 0)
            state_ = state_ == State::content ? State::complete : State::chunk_data_cr;
    }
    return bytes;
}

void BodyDecoder::take_framing_byte(char byte) {
    const auto expect = [this, byte](char wanted, State next) {
        if (byte != wanted) return fail(400, "a line of the chunked body does not end with CRLF");
        state_ = next;
    };
    switch (state_) {
        case State::chunk_size:
            return take_chunk_size_byte(byte);
        case State::extension_name:
        case State::extension_value:
        case State::extension_quoted:
        case State::extension_escape:
        case State::extension_unquoted:
            return take_extension_byte(byte);
        case State::chunk_size_lf:
            expect('\n', remaining_ != 0 ? State::chunk_data : State::trailer_start);
            if (state_ == State::chunk_data && remaining_ > body_bytes_max_ - body_bytes_) {
                fail(413, "the body is too long");
            }
            return;
        case State::chunk_data_cr:
            return expect('\r', State::chunk_data_lf);
        case State::chunk_data_lf:
            size_digits_ = 0;
            return expect('\n', State::chunk_size);
        case State::trailer_lf:
            return expect('\n', State::trailer_start);
        case State::last_lf:
            return expect('\n', State::complete);
        default:
            return take_trailer_byte(byte);
    }
}

void BodyDecoder::take_chunk_size_byte(char byte) {
    const unsigned digit = hex_value(byte);
    if (digit < 16) {
        if (size_digits_ == hex_digits_max) return fail(400, "a chunk size has too many digits");
        ++size_digits_;
        remaining_ = remaining_ * 16 + digit;
        return;
    }
    if (size_digits_ == 0 || (byte != '\r' && byte != ';'))
        return fail(400, "a chunk size is malformed");
    state_ = byte == '\r' ? State::chunk_size_lf : State::extension_name;
    extension_is_empty_ = true;
}

/// `;name`, `;name=token` or `;name="quoted"`, one after another (RFC 9112 section 7.1.1), without
/// the white space that no sender may make.
void BodyDecoder::take_extension_byte(char byte) {
    const auto malformed = [this] { fail(400, "a chunk extension is malformed"); };
    const bool has_part = !extension_is_empty_ || state_ == State::extension_unquoted;
    switch (state_) {
        case State::extension_quoted:
            if (byte == '\\') {
                state_ = State::extension_escape;
            } else if (byte == '"') {
                state_ = State::extension_unquoted;
            } else if (!is_in(byte, line_byte)) {
                return malformed();
            }
            break;
        case State::extension_escape:
            if (!is_in(byte, line_byte)) return malformed();
            state_ = State::extension_quoted;
            break;
        default:
            if (byte == '\r' && has_part) {
                state_ = State::chunk_size_lf;
            } else if (byte == ';' && has_part) {
                state_ = State::extension_name;
                extension_is_empty_ = true;
            } else if (byte == '=' && has_part && state_ == State::extension_name) {
                state_ = State::extension_value;
                extension_is_empty_ = true;
            } else if (byte == '"' && !has_part && state_ == State::extension_value) {
                state_ = State::extension_quoted;
            } else if (is_in(byte, token_byte) && state_ != State::extension_unquoted) {
                extension_is_empty_ = false;
            } else {
                return malformed();
            }
            break;
    }
    count_overhead();
}

void BodyDecoder::take_trailer_byte(char byte) {
    count_overhead();
    if (state_ == State::failed) return;
    switch (state_) {
        case State::trailer_start:
            if (byte == '\r') {
                state_ = State::last_lf;
                return;
            }
            state_ = State::trailer_name;
            if (!is_in(byte, token_byte)) fail(400, "a trailer is malformed");
            return;
        case State::trailer_name:
            if (byte == ':') {
                state_ = State::trailer_value;
            } else if (!is_in(byte, token_byte)) {
                fail(400, "a trailer is malformed");
            }
            return;
        default:  // trailer_value
            if (byte == '\r') {
                state_ = State::trailer_lf;
            } else if (!is_in(byte, line_byte)) {
                fail(400, "a trailer has a control byte");
            }
            return;
    }
}

void BodyDecoder::count_overhead() {
    if (++overhead_bytes_ > overhead_bytes_max)
        fail(400, "chunk extensions and trailers are too long");
}

}  // namespace qck::http
