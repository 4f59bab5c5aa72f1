#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/net/reactor.hpp"
#include "services/stores/redis/client_config.hpp"
#include "services/stores/redis/dispatcher.hpp"
#include "services/stores/redis/figures.hpp"
#include "services/stores/redis/protocol/command.hpp"
#include "services/stores/redis/request.hpp"
#include "services/stores/redis/subscriber.hpp"

namespace qck::redis {

/// Speaks to Redis for one reactor: a server, a cluster, or the master that Sentinels name.
///
/// Commands are pipelined over one connection a server and written once per round of the reactor.
/// While a connection is made for the first time, or again after a loss, commands wait; once a try
/// has failed they are refused at once until one succeeds (tries go on by themselves, with back-off
/// and full jitter). In a cluster, commands for a slot without a server wait for one until their
/// timeout. Everything but figures() belongs to the reactor's thread; made and destroyed there
/// too, or while the reactor does not run.
class Client {
public:
    /// Does not wait for the server. Fails when the configuration is wrong (CA file, time limits).
    static Result<std::unique_ptr<Client>> create(net::Reactor& reactor, ClientConfig config);
    /// What is unfinished ends with Errc::unavailable. Not to be called from a callback.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// `done` may be empty. See Done for when and with what it is called.
    void send(Command command, Done done);

    using PipelineDone = std::function<void(std::vector<Result<Reply>>)>;
    /// Sends all at once, each to the server of its slot; results are in the order of the commands.
    void pipeline(std::vector<Command> commands, PipelineDone done);

    /// Subscribes, and does so again after each loss; callbacks run on the reactor's thread. In a
    /// cluster at any node, since each hands on what is published anywhere.
    SubscriptionId subscribe(std::string channel, OnMessage on_message, OnState on_state);
    void unsubscribe(SubscriptionId id);

    const ClientConfig& config() const { return config_; }
    ClientState state() const { return dispatcher_->state(); }
    std::vector<std::uint16_t> slot_of_each_master() const {
        return dispatcher_->slot_of_each_master();
    }
    /// Thread-safe.
    const Figures& figures() const { return ledger_.figures(); }

private:
    Client(net::Reactor& reactor, ClientConfig config, std::unique_ptr<net::TlsClientContext> tls);
    void flush();
    void watch_deadlines();

    net::Reactor& reactor_;
    const ClientConfig config_;
    std::unique_ptr<net::TlsClientContext> tls_;
    SplitMix64 seeds_;
    Ledger ledger_;
    Resolver resolver_;
    std::unique_ptr<Dispatcher> dispatcher_;
    std::unique_ptr<Subscriber> subscriber_;
    net::Reactor::TimerId deadline_timer_ = 0;  ///< 0: nothing is under way
    std::shared_ptr<Client*> self_;  ///< held weakly by the reactor's hook, which outlives this
};

}  // namespace qck::redis
