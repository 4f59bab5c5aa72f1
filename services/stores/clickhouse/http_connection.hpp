#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/net/blocking_http.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"

namespace qck::clickhouse {

struct HttpAnswer {
    unsigned status = 0;
    std::string body;
};

/// One kept-open connection to one node, as net::BlockingHttp. Not thread-safe.
class HttpConnection {
public:
    /// https trusts the authorities of `ca_file` (PEM; empty: the system's). `refused` tells
    /// whether the host is there and nobody listens at the port.
    static Result<std::unique_ptr<HttpConnection>> open(const Node& node,
                                                        const std::string& ca_file,
                                                        std::chrono::milliseconds timeout,
                                                        bool& refused);

    /// Posts `body` once: it has left, or cannot, when this returns. `timeout` is for the answer,
    /// too, which end_post() gives. That fails with Errc::timed_out or Errc::io; the server may
    /// have got all of it, and the connection is of no more use then.
    void begin_post(std::string_view target, std::string_view authorization, std::string_view body,
                    std::chrono::milliseconds timeout);
    Result<HttpAnswer> end_post(std::size_t answer_bytes_max);
    /// Whether another request may follow: the server neither said nor did otherwise.
    bool usable() { return connection_->usable(); }

private:
    HttpConnection(Node node, std::unique_ptr<net::BlockingHttp> connection)
        : node_(std::move(node)), connection_(std::move(connection)) {}
    Node node_;
    std::unique_ptr<net::BlockingHttp> connection_;
};

}  // namespace qck::clickhouse
