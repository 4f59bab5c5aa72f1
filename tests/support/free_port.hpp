#pragma once

#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "base/net/address.hpp"

namespace qck::test {

/// A loopback port that was free a moment ago, so that a server that cannot say which port it has
/// picked can be given one. Below the ephemeral range, where no client socket takes it meanwhile;
/// `also` (the port of a cluster's bus is 10000 above) must be free, too.
inline std::uint16_t free_port(std::uint16_t also = 0) {
    static std::uint16_t next = static_cast<std::uint16_t>(11'000 + (::getpid() * 37) % 9'000);
    const auto is_free = [](std::uint16_t port) {
        const auto address = net::parse_address("127.0.0.1:" + std::to_string(port));
        return net::listen_on(*address, 1).has_value();
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
