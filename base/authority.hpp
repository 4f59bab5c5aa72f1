#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck {

/// Whom an URL leads to, without credentials: `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT` (RFC
/// 3986 section 3.2). The views are of what was split.
struct Authority {
    std::string_view host;  ///< not looked at, may be empty; IPv6 without brackets
    bool bracketed = false;
    std::optional<std::uint16_t> port;  ///< not 0
};
/// Errors are for after a colon: "the port must be a number from 1 to 65535".
Result<Authority> split_authority(std::string_view text);

/// A host as it is written in front of a colon and a port: IPv6 in brackets.
std::string bracketed_host(const std::string& host);

}  // namespace qck
