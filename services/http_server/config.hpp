#pragma once

#include <chrono>
#include <cstdint>

#include "base/http/head.hpp"

namespace qck::http_server {

struct ServerConfig {
    http::Limits limits;
    /// Connections of one reactor beyond this are closed on accept.
    std::uint32_t connections_max = 10'000;
    /// From the first byte of a request to the end of its head; a byte now and then does not extend
    /// it.
    std::chrono::milliseconds head_timeout{10'000};
    /// From the end of the head to the end of the body.
    std::chrono::milliseconds body_timeout{30'000};
    /// Between requests.
    std::chrono::milliseconds idle_timeout{75'000};
    /// For a client to take what was sent to it before its connection is closed, and a second more
    /// for each write_bytes_per_s_min bytes of that. A byte taken now and then does not extend it.
    std::chrono::milliseconds write_timeout{30'000};
    std::size_t write_bytes_per_s_min = 64 * 1024;
    /// Bodies of requests that are still coming, of all connections of one reactor together; who
    /// sends beyond that is answered 503.
    std::size_t bodies_bytes_max = 64 * 1024 * 1024;
    /// Answers that a client has not taken yet; beyond this no more of its requests are read.
    std::size_t output_bytes_max = 64 * 1024;
};

}  // namespace qck::http_server
