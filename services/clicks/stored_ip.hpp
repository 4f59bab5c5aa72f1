#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "services/clicks/click.hpp"

namespace qck::clicks {

/// Secret of a data directory; without it a hashed address cannot be guessed by trying them all.
using IpKey = std::array<std::uint8_t, 16>;

/// `full|truncate|hash|none`.
Result<IpMode> parse_ip_mode(std::string_view text);

/// The address as `mode` keeps it: whole; cut to /24 (IPv4) or /48 (IPv6); its SipHash-2-4-128
/// under `key`; or nothing. IPv4-mapped IPv6 counts as IPv4. Cheap enough once per connection, not
/// per click.
StoredIp stored_ip(const sockaddr* address, IpMode mode, const IpKey& key);

/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012; reference implementation).
std::array<std::uint8_t, 16> siphash128(const IpKey& key, std::span<const std::uint8_t> bytes);

}  // namespace qck::clicks
