#pragma once

#include <cstdint>

namespace qck::engine {

/// TCP segments that this host (its network namespace) has sent again since it started; from
/// /proc/net/snmp. 0 when that cannot be read.
std::uint64_t retransmitted_segments();

}  // namespace qck::engine
