#pragma once

#include <cstddef>
#include <string_view>

namespace qck::http_server {

/// Whether an Authorization header carries `token` (RFC 6750). The time taken tells nothing of how
/// much of a wrong token was right.
inline bool bears_token(std::string_view authorization, std::string_view token) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() != scheme.size() + token.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < scheme.size(); ++i) {
        difference |= static_cast<unsigned char>((authorization[i] | 0x20) ^ (scheme[i] | 0x20));
    }
    for (std::size_t i = 0; i < token.size(); ++i) {
        difference |= static_cast<unsigned char>(authorization[scheme.size() + i] ^ token[i]);
    }
    return difference == 0;
}

}  // namespace qck::http_server
