#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "services/stores/redis/client.hpp"

namespace qck::redis {

/// A Client with a reactor thread of its own, for threads that may block and for commands.
/// Thread-safe, but for its end.
class BlockingClient {
public:
    static Result<std::unique_ptr<BlockingClient>> create(ClientConfig config);
    ~BlockingClient();
    BlockingClient(const BlockingClient&) = delete;
    BlockingClient& operator=(const BlockingClient&) = delete;

    /// Waits for the reply, at most for the command timeout.
    Result<Reply> call(Command command);
    /// One result a command, in their order. Bounded by ClientConfig::commands_max.
    std::vector<Result<Reply>> pipeline(std::vector<Command> commands);
    /// Of a cluster, as far as its map is known: one slot of each master.
    std::vector<std::uint16_t> slot_of_each_master();
    /// Callbacks run on the reactor's thread. For as long as this object lives.
    void subscribe(std::string channel, OnMessage on_message, OnState on_state);

    const ClientConfig& config() const { return client_->config(); }
    const Figures& figures() const { return client_->figures(); }

private:
    BlockingClient(std::unique_ptr<net::Reactor> reactor, std::unique_ptr<Client> client);

    std::unique_ptr<net::Reactor> reactor_;
    std::unique_ptr<Client> client_;
    std::thread thread_;
};

}  // namespace qck::redis
