#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace qck::record {

/// What went over the network interface that leads a generator to its target, while the load ran.
struct InterfaceUse {
    std::string agent;  ///< of a fleet: one that saw it; else empty
    std::string name;   ///< `eth0`
    /// Of the link, bits per second each way; 0 where it is not known, as of loopback and of most
    /// virtual ones.
    double speed_per_s = 0;
    /// Of that, in the busier direction, over the busiest stretch (200 ms or more), 0..1; with
    /// what a packet takes on the wire beside its bytes (Ethernet: preamble, checksum, gap).
    double busiest_share = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t packets = 0;  ///< both ways, like the next two
    std::uint64_t dropped = 0;
    std::uint64_t errors = 0;
    bool operator==(const InterfaceUse&) const = default;
};

/// Sockets of a generator's machine (its network namespace), the most at any look.
struct SocketUse {
    std::uint64_t tcp = 0;        ///< connected and listening
    std::uint64_t time_wait = 0;  ///< closed ones that keep their port a minute
    /// Ports that one local address has for connections to one address of the target.
    std::uint64_t local_ports = 0;
    std::uint64_t descriptors_allowed = 0;  ///< open files of the process; of a fleet the least
    bool operator==(const SocketUse&) const = default;

    /// As of two generators, perhaps on one machine.
    void add(const SocketUse& other) {
        const auto least = [](std::uint64_t a, std::uint64_t b) {
            return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
        };
        tcp = std::max(tcp, other.tcp);
        time_wait = std::max(time_wait, other.time_wait);
        local_ports = least(local_ports, other.local_ports);
        descriptors_allowed = least(descriptors_allowed, other.descriptors_allowed);
    }
};

}  // namespace qck::record
