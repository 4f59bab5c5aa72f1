#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/net/fd.hpp"

namespace qck::net {

/// An IPv4 or IPv6 socket address.
struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* data() { return reinterpret_cast<sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
    std::uint16_t port() const;
    /// `127.0.0.1:8080`, `[::1]:8080`.
    std::string to_string() const;
    bool is_loopback() const;
    /// Loopback, link-local, RFC 1918 and RFC 4193 addresses.
    bool is_private() const;
};

/// A listening or target address from `HOST:PORT` with a numeric host or `localhost`; port 0
/// allowed.
Result<Address> parse_address(std::string_view host_port);
/// Every address of a name, by the system's resolver. Blocks.
Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port);

/// `count` bound, listening, non-blocking TCP sockets on one address, sharing it by SO_REUSEPORT;
/// port 0 picks a free port for all. An address that another process uses is refused, also when
/// that one shares: "cannot listen on 127.0.0.1:8080: Address already in use (…)".
Result<std::vector<Fd>> listen_on(const Address& address, std::size_t count);
/// Connections to `listeners`, all of listen_on(), go to the one at the place in `cpus` of the CPU
/// that handles their first packet: of loopback that is the CPU of whoever connects, of a network
/// card that of its queue. Those on any other CPU are spread over all, as without this. A listener
/// beyond `cpus`, or with a CPU that an earlier one has, gets only of these. May be called again.
/// SO_ATTACH_REUSEPORT_CBPF of socket(7).
Result<void> steer_by_cpu(std::span<const Fd> listeners, std::span<const int> cpus);
Result<Address> local_address(int fd);
/// Non-blocking connect under way; wait for EPOLLOUT and then ask connect_outcome.
Result<Fd> start_connect(const Address& to);
/// 0, or the errno of a finished connect.
int connect_outcome(int fd);

}  // namespace qck::net
