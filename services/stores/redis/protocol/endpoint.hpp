#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::redis {

/// Where a server listens: a name or a numeric address (IPv6 without brackets), and a port.
struct Endpoint {
    std::string host;
    std::uint16_t port = 0;

    /// `10.0.0.5:6379`, `[::1]:6379`.
    std::string to_string() const;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// `HOST:PORT`, `[::1]:6379` or, as Redis writes IPv6, `::1:6379`; the host may be empty (MOVED
/// from a node that does not know its own address). No host at all and no port is refused.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace qck::redis
