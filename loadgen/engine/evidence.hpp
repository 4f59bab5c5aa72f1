#pragma once

#include <cstdint>

namespace qck::engine {

/// TCP segments that this host (its network namespace) has sent again since it started; from
/// /proc/net/snmp. 0 when that cannot be read.
std::uint64_t retransmitted_segments();

/// Ports that one address of this machine has for connections to one address of a target
/// (net.ipv4.ip_local_port_range; the kernel's default when that cannot be read).
std::uint64_t local_ports();

}  // namespace qck::engine
