#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/net/reactor.hpp"
#include "base/net/tls.hpp"
#include "base/random.hpp"
#include "services/stores/redis/client_config.hpp"
#include "services/stores/redis/ledger.hpp"
#include "services/stores/redis/request.hpp"
#include "services/stores/redis/resolver.hpp"

namespace qck::redis {

enum class ClientState : std::uint8_t {
    connecting,  ///< not yet, or not for long: commands wait
    ready,
    down,  ///< the last try failed: commands are refused at once, or wait for another node
};

/// What the parts of one client share. All of it outlives them.
struct Environment {
    net::Reactor& reactor;
    const ClientConfig& config;
    const net::TlsClientContext* tls;  ///< null: plain TCP
    Resolver& resolver;
    Ledger& ledger;
    SplitMix64& seeds;
};

/// Brings commands to the servers of one topology and their replies back.
class Dispatcher {
public:
    virtual ~Dispatcher() = default;
    virtual void start() = 0;
    /// Takes an admitted request. Does not finish it within this call.
    virtual void submit(Request&& request) = 0;
    /// Writes what was submitted.
    virtual void flush() = 0;
    /// Finishes what is overdue.
    virtual void expire(std::int64_t now_ns) = 0;
    /// Returns what is unfinished; nothing happens after it.
    virtual std::vector<Request> stop() = 0;
    virtual ClientState state() const = 0;
    /// A server that a subscription may use now.
    virtual std::optional<Endpoint> server_for_subscription() = 0;
    /// Of a cluster: one slot of each master that is known (ClusterMap). Otherwise none.
    virtual std::vector<std::uint16_t> slot_of_each_master() const { return {}; }
};

}  // namespace qck::redis
