#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "services/stores/redis/protocol/redis_url.hpp"

namespace qck::redis {

struct ClientConfig {
    RedisUrl url;
    /// PEM of the authorities to trust for rediss://; empty: the system's.
    std::string tls_ca_file;
    /// False takes any certificate: for tests only.
    bool tls_verify = true;

    /// From send() to the reply, all tries together. A server that says nothing for so long though
    /// it was asked is taken for dead and its connection is made again.
    std::chrono::milliseconds command_timeout{500};
    /// To find, reach and greet a server.
    std::chrono::milliseconds connect_timeout{1000};
    /// Between two tries to connect: between 0 and first * 2^n, at most `most`.
    std::chrono::milliseconds back_off_first{20};
    std::chrono::milliseconds back_off_most{1000};

    /// Commands beyond these, waiting or under way, are refused at once.
    std::size_t commands_max = 10'000;
    std::size_t bytes_max = 64 * 1024 * 1024;

    /// A subscription asks for a sign of life so often, and gives its connection up after three
    /// times of silence.
    std::chrono::milliseconds subscription_ping{1000};
    /// Cluster: the slot map is read again so often without a reason; there is a reason mostly.
    std::chrono::milliseconds slots_refresh{30'000};
    /// Cluster: MOVED and ASK that one command follows.
    unsigned redirections_max = 8;
};

}  // namespace qck::redis
