#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "base/net/reactor.hpp"
#include "services/stores/redis/client.hpp"
#include "services/stores/redis/protocol/cluster_nodes.hpp"

namespace qck::redis {

/// Asks a cluster every two seconds how its nodes are. Belongs to the thread of the client's
/// reactor, but for nodes().
class ClusterWatch {
public:
    static constexpr std::chrono::milliseconds every{2'000};

    /// The reactor and `client` outlive it. Destroyed on the reactor's thread, or while that does
    /// not run.
    ClusterWatch(net::Reactor& reactor, Client& client);
    ~ClusterWatch();
    ClusterWatch(const ClusterWatch&) = delete;
    ClusterWatch& operator=(const ClusterWatch&) = delete;

    /// As they were last; empty when no node has answered, or the last question was not answered.
    /// Thread-safe.
    std::optional<ClusterNodes> nodes() const;

private:
    void ask();
    void answered(const Result<Reply>& reply);

    net::Reactor& reactor_;
    Client& client_;
    mutable std::mutex mutex_;
    std::optional<ClusterNodes> nodes_;  ///< guarded by mutex_
    net::Reactor::TimerId timer_ = 0;
    std::shared_ptr<ClusterWatch*> self_;  ///< held weakly by what runs later
};

}  // namespace qck::redis
