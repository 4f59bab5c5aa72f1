#include "base/http/target.hpp"

#include <algorithm>

#include "base/http/scan.hpp"

namespace qck::http {
std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+' && plus == Plus::is_space) {
            decoded += ' ';
        } else if (text[at] != '%') {
            decoded += text[at];
        } else {
            if (text.size() - at < 3) return std::nullopt;
            const unsigned high = hex_value(text[at + 1]);
            const unsigned low = hex_value(text[at + 2]);
            if (high > 15 || low > 15 || high + low == 0) return std::nullopt;
            decoded += static_cast<char>(high * 16 + low);
            at += 2;
        }
    }
    return decoded;
}

std::string percent_encode(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char byte : text) {
        if (is_in(byte, host_byte)) {  // exactly the unreserved bytes
            encoded += byte;
        } else {
            const auto value = static_cast<unsigned char>(byte);
            encoded += '%';
            encoded += digits[value >> 4];
            encoded += digits[value & 15];
        }
    }
    return encoded;
}

bool QueryParameters::next() {
    while (!rest_.empty()) {
        const std::size_t pair_end = std::min(rest_.find('&'), rest_.size());
        const std::string_view pair = rest_.substr(0, pair_end);
        rest_.remove_prefix(std::min(pair_end + 1, rest_.size()));
        if (pair.empty()) continue;
        const std::size_t equals = std::min(pair.find('='), pair.size());
        name_ = pair.substr(0, equals);
        value_ = pair.substr(std::min(equals + 1, pair.size()));
        return true;
    }
    return false;
}

}  // namespace qck::http
