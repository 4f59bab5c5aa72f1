#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/circuit_breaker.hpp"
#include "cli/commands/reactor_thread.hpp"
#include "services/cache/tiered_source.hpp"
#include "services/links/link_store.hpp"
#include "services/links/outbox_drain.hpp"
#include "services/stores/redis/client.hpp"
#include "services/stores/redis/cluster_watch.hpp"
#include "services/stores/redis/link_changes.hpp"
#include "services/stores/redis/mode_pins.hpp"
#include "services/stores/redis/redis_link_cache.hpp"

namespace qck::commands {

/// What one redirect reactor asks before the store: a client of its own.
class SharedLane {
public:
    /// A lookup that takes longer goes to the store instead.
    static constexpr std::chrono::milliseconds lookup_timeout{50};

    static Result<std::unique_ptr<SharedLane>> open(net::Reactor& reactor,
                                                    const redis::ClientConfig& config,
                                                    cache::LinkSource& store,
                                                    CircuitBreaker& breaker, std::uint64_t seed);

    cache::TieredSource& source() { return source_; }
    const redis::Figures& figures() const { return client_->figures(); }

private:
    SharedLane(std::unique_ptr<redis::Client> client, cache::LinkSource& store,
               CircuitBreaker& breaker, std::uint64_t seed)
        : client_(std::move(client)), cache_(*client_, {}, seed), source_(cache_, store, breaker) {}

    std::unique_ptr<redis::Client> client_;
    redis::RedisLinkCache cache_;
    cache::TieredSource source_;
};

/// The part of Redis that is not on the redirects' way: changes of links, to and from other
/// instances, on a thread of its own.
class SharedLinks {
public:
    /// Called on that thread.
    struct Told {
        redis::LinkChanges::Changed changed;
        redis::LinkChanges::Heard heard;
        redis::LinkChanges::Ordered ordered;
        redis::ModePins::Changed pinned;
    };
    /// `outbox`, of the store of links, outlives it.
    static Result<std::unique_ptr<SharedLinks>> open(const redis::ClientConfig& config, Told told,
                                                     links::LinkOutbox& outbox);
    ~SharedLinks();

    void start() {
        thread_->start();
        drain_->start();
        started_ = true;
    }
    /// Ends the thread once Redis has every change that was told before, or after `deadline`.
    void stop(std::chrono::milliseconds deadline);
    /// Gives Redis all of them, and waits until it has taken them: Errc::timed_out after
    /// `deadline`, the first error otherwise. From any other thread.
    Result<void> send(std::vector<redis::Command> commands, std::chrono::milliseconds deadline);
    /// The same; says of each what became of it.
    std::vector<Result<void>> send_each(std::vector<redis::Command> commands,
                                        std::chrono::milliseconds deadline);
    /// Holds a link in a mode on every instance; an empty mode sets it free. Waits as send() does.
    Result<void> pin_mode(std::uint64_t link_id, const std::string& code, const std::string& mode,
                          std::chrono::milliseconds deadline);
    /// What was committed here. Thread-safe.
    links::LinkObserver& publisher() { return *changes_; }
    const redis::LinkChanges::Figures& figures() const { return changes_->figures(); }
    const redis::Figures& client_figures() const { return client_->figures(); }
    /// Changes that others had left untold.
    std::uint64_t drained() const { return drain_->told(); }
    /// The database of Redis that the links are in.
    std::uint32_t db() const { return client_->config().url.db; }
    /// Null when Redis is no cluster.
    const redis::ClusterWatch* cluster() const { return cluster_.get(); }

private:
    SharedLinks() = default;

    std::unique_ptr<ReactorThread> thread_;
    std::unique_ptr<redis::Client> client_;
    std::unique_ptr<links::OutboxDrain> drain_;
    std::unique_ptr<redis::LinkChanges> changes_;
    std::unique_ptr<redis::ModePins> pins_;
    std::unique_ptr<redis::ClusterWatch> cluster_;
    bool started_ = false;
};

}  // namespace qck::commands
