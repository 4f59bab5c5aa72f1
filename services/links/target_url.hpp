#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::links {

/// The parts of an http or https address that decide where it leads. Views point into the parsed
/// text.
struct TargetUrl {
    bool secure = false;
    std::string host;  ///< lower case, without a final dot; IPv6 in its shortest form, no brackets
    std::uint16_t port = 80;  ///< the scheme's when the address names none
    std::string_view path;    ///< as written, without query and fragment; may be empty
};

/// Strict parse (RFC 3986, and narrower where browsers disagree with it). The error's message is
/// the reason alone, e.g. "only http and https targets".
Result<TargetUrl> parse_target(std::string_view text);

/// Whether `url` leads to `own`, which is `HOST` (any port) or `HOST:PORT`. When `own` is a
/// loopback or wildcard address or `localhost`, every loopback name of that port is the same place.
bool names_same_place(const TargetUrl& url, std::string_view own);

/// The path as a server sees it after a client normalised it: percent signs decoded, dot segments
/// resolved, no final slash; begins with '/'.
std::string plain_path(std::string_view path);

}  // namespace qck::links
