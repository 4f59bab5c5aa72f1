#pragma once

#include <string_view>

namespace qck::http {

/// Whether `text` may stand in Host: a registered name, IPv4 address or bracketed IPv6 address, and
/// a port or none (RFC 3986 section 3.2.2). Stricter than the RFC: not empty, neither
/// percent-escapes nor sub-delimiters, and no port above 65535.
bool is_host(std::string_view text);

}  // namespace qck::http
