#include "base/http/header_line.hpp"

#include <algorithm>
#include <limits>

#include "base/http/same_but_case.hpp"

namespace qck::http {
Refusal refuse_header_line(std::string_view line, std::size_t name_bytes) {
    if (name_bytes == line.size()) return {400, "a header line has no colon"};
    if (is_blank(line[name_bytes])) {
        return {400, name_bytes == 0 ? "a header line begins with white space (folding is obsolete)"
                                     : "white space in or after a header name"};
    }
    if (line[name_bytes] == ':') return {400, "a header has no name"};
    return {400, "a header name has a byte that is not allowed"};
}

Refusal MessageFraming::take_content_length(std::string_view value) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    if (value.empty()) return {400, "Content-Length is empty"};
    std::uint64_t length = 0;
    for (const char byte : value) {
        const auto digit = static_cast<unsigned>(byte - '0');
        if (digit > 9) return {400, "Content-Length is not a whole number"};
        if (length > (most - digit) / 10) return {413, "Content-Length is beyond all bounds"};
        length = length * 10 + digit;
    }
    content_length_ = length;
    has_content_length_ = true;
    return {};
}

Refusal MessageFraming::take_transfer_encoding(std::string_view value) {
    const std::size_t name_bytes = static_cast<std::size_t>(
        find_not_in(token_byte, value.data(), value.data() + value.size()) - value.data());
    if (name_bytes == 0) return {400, "Transfer-Encoding is malformed"};
    if (!same_but_case(value.substr(0, name_bytes), "chunked")) {
        return {501, "the only transfer coding known here is chunked"};
    }
    if (name_bytes != value.size()) return {400, "Transfer-Encoding is not a single chunked"};
    chunked_ = true;
    return {};
}

void MessageFraming::take_connection(std::string_view value) {
    if (same_but_case(value, "keep-alive")) {  // as nearly always
        keep_alive_ = true;
        return;
    }
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        const std::string_view option = trimmed(value.substr(0, comma));
        if (same_but_case(option, "close")) close_ = true;
        if (same_but_case(option, "keep-alive")) keep_alive_ = true;
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
}

Refusal MessageFraming::conclude_chunked(std::uint8_t version_minor, Framing& framing) const {
    if (has_content_length_) return {400, "Content-Length together with Transfer-Encoding"};
    if (version_minor == 0) return {400, "Transfer-Encoding in HTTP/1.0"};
    framing = Framing::chunked;
    return {};
}

}  // namespace qck::http
