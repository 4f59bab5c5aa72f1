#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace qck::test {

/// A loopback port that was free a moment ago, so that a server that cannot say which port it has
/// picked can be given one. Below the ephemeral range, where no client socket takes it meanwhile;
/// `also` (the port of a cluster's bus is 10000 above) must be free, too.
inline std::uint16_t free_port(std::uint16_t also = 0) {
    static std::uint16_t next = static_cast<std::uint16_t>(11'000 + (::getpid() * 37) % 9'000);
    const auto is_free = [](std::uint16_t port) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        const int yes = 1;
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return bound;
    };
    for (int tries = 0; tries < 1000; ++tries) {
        next = next >= 20'000 ? 11'000 : next + 1;
        if (is_free(next) && (also == 0 || is_free(static_cast<std::uint16_t>(next + also)))) {
            return next;
        }
    }
    throw std::runtime_error("no free port on 127.0.0.1");
}

}  // namespace qck::test
