#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/net/address.hpp"
#include "base/net/fd.hpp"
#include "base/net/tls.hpp"
#include "loadgen/fleet/engine_load.hpp"
#include "loadgen/fleet/greeting.hpp"
#include "loadgen/fleet/peer.hpp"

namespace qck::fleet {

struct AgentConfig {
    std::string name;
    std::string token;
    EngineLoadConfig load;
    /// Ends after a coordinator under whom at least one run came to its end has gone.
    bool once = false;
    const net::TlsServerContext* listen_tls = nullptr;  ///< null: none; outlives the agent
    const net::TlsClientContext* join_tls = nullptr;    ///< likewise
};

/// Offers load for whoever proves that it knows the token: one coordinator and one run at a time,
/// and then the next. One line of log for each. Not thread-safe.
class Agent {
public:
    /// `interrupted` says when it is to end, and is asked several times a second.
    Agent(AgentConfig config, std::function<bool()> interrupted);

    /// Serves coordinators that dial in: the first that has proven itself, however many others have
    /// not. Returns when interrupted, or after one if `once`.
    Result<void> serve(net::Fd listener);
    /// Dials a coordinator at HOST:PORT, again and again until it is there, and after it has gone.
    /// Why it is not is logged once, and again when it is for another reason. Fails when it refuses
    /// (another version, another token), and when its certificate is not trusted.
    Result<void> join(const std::string& host, std::uint16_t port);

private:
    /// A coordinator that has not greeted yet.
    struct Caller {
        Peer peer;
        Greeting greeting;
        std::string from;
        std::int64_t until_ns = 0;
        std::vector<Message> early;  ///< said after its greeting, and read with it
    };
    /// Who is turned away hears why before the connection is closed.
    struct TurnedAway {
        Peer peer;
        std::int64_t until_ns = 0;
    };

    /// A connection under way to a coordinator, which has the name `host`.
    Result<Peer> dial(const net::Address& to, const std::string& host) const;
    Caller caller_of(Peer peer, std::string from) const;
    /// Whether it has greeted by now.
    Result<bool> follow(Caller& caller) const;
    /// Waits until it has.
    Result<void> greet(Caller& caller) const;
    void accept(const net::Fd& listener, std::vector<Caller>& callers) const;
    /// The first that has greeted; those that failed are gone.
    std::optional<Caller> greeted_of(std::vector<Caller>& callers) const;
    /// Until the coordinator has gone; how many runs it had. `listener` may be none.
    std::uint64_t serve_coordinator(Caller& coordinator, const net::Fd& listener);
    void turn_away(Peer peer);
    void turn_away(const net::Fd& listener);
    bool sleep(std::chrono::nanoseconds span) const;

    AgentConfig config_;
    std::function<bool()> interrupted_;
    EngineLoad load_;
    std::vector<TurnedAway> turned_away_;
};

}  // namespace qck::fleet
