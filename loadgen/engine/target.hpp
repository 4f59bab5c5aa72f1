#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/net/address.hpp"

namespace qck::engine {

/// Where load goes: the parts of `http[s]://HOST[:PORT][/PATH]`.
struct Target {
    bool tls = false;
    std::string host;  ///< a name or an address, without brackets
    std::uint16_t port = 80;
    std::string path = "/";  ///< with its query, as given
    /// What the host stands for; workers take them in turn.
    std::vector<net::Address> addresses;

    /// `example.com:8080`, without the port where it is the scheme's; `[::1]:80` has brackets.
    std::string host_header() const;
    /// `http://127.0.0.1:8080`.
    std::string origin() const;
    /// Every address is loopback or private (RFC 1918, RFC 4193, link-local).
    bool is_private() const;
};

/// Splits a URL; addresses stay empty. Errors name the URL and what is wrong with it.
Result<Target> parse_target(std::string_view url);
/// parse_target, then the addresses by the system's resolver. Blocks.
Result<Target> find_target(std::string_view url);

}  // namespace qck::engine
