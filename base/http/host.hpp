#pragma once

#include <string_view>

namespace qck::http {

/// Whether `text` may stand in Host: a registered name, IPv4 address or bracketed IPv6 address, and
/// a port of at most five digits or none (RFC 3986 section 3.2.2). Stricter than the RFC: not
/// empty, neither percent-escapes nor sub-delimiters. `text` lies in `buffer`, and is followed
/// there by a byte that cannot stand in a name.
bool is_host(std::string_view buffer, std::string_view text);

}  // namespace qck::http
