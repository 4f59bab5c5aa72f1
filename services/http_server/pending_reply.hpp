#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/net/reactor.hpp"
#include "services/http_server/exchange.hpp"

namespace qck::http_server {

/// Carries later answers from any thread to their server's reactor: many answers, one wake-up.
/// Outlives the server; what comes after the server went is dropped.
struct PendingReply::Channel : std::enable_shared_from_this<Channel> {
public:
    Channel(net::Reactor& reactor, Server& server) : reactor_(reactor), server_(&server) {}

    void send(std::uint32_t slot, std::uint64_t generation, Response response);
    /// The server goes: called on its thread.
    void disconnect();

private:
    struct Answer {
        std::uint32_t slot;
        std::uint64_t generation;
        Response response;
    };

    void deliver();

    net::Reactor& reactor_;
    std::mutex mutex_;
    Server* server_;  ///< null once it is gone
    std::vector<Answer> answers_;
};

}  // namespace qck::http_server
