#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "cli/commands/cache_control.hpp"
#include "cli/commands/deliveries.hpp"
#include "cli/commands/ingest_lane.hpp"
#include "cli/commands/link_stores.hpp"
#include "cli/commands/listener_limits.hpp"
#include "cli/commands/mode_renewal.hpp"
#include "cli/commands/redirect_lane.hpp"
#include "cli/commands/service.hpp"
#include "cli/commands/shared_links.hpp"
#include "cli/commands/shared_rate_limits.hpp"
#include "cli/commands/store_metrics.hpp"
#include "cli/commands/store_probes.hpp"
#include "services/analytics/click_analytics.hpp"
#include "services/cache/link_fetcher.hpp"
#include "services/clicks/durability_syncer.hpp"
#include "services/http_server/blocking_work.hpp"
#include "services/http_server/server.hpp"
#include "services/links/guarded_link_store.hpp"
#include "services/stores/maxmind/places.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"

namespace qck::commands {

/// A listener of its own that is not the redirects'.
struct SideLane {
    std::unique_ptr<ReactorThread> thread;
    std::unique_ptr<http_server::Handler> handler;
    std::unique_ptr<http_server::LimitedHandler> limited;  ///< null without a rate limit
    std::unique_ptr<http_server::Server> server;
    net::Address address;
};

/// In the order of their making; destroyed from the last to the first.
struct Service::Parts {
    ServiceConfig config;
    std::unique_ptr<maxmind::Places> places;  ///< null without a file
    std::unique_ptr<clicks::DataDirectory> directory;
    std::unique_ptr<LinkStores> links;
    /// Of lookups; null without PostgreSQL.
    std::unique_ptr<CircuitBreaker> postgres_breaker;
    std::unique_ptr<links::GuardedLinkStore> guarded_links;
    std::unique_ptr<sqlite::SqliteClickStore> click_store;
    std::unique_ptr<clicks::Journal> journal;
    std::unique_ptr<BurstWatch> bursts;
    std::unique_ptr<Deliveries> deliveries;
    std::unique_ptr<clicks::ClickCounting> counting;
    std::unique_ptr<net::TlsServerContext> tls;
    std::unique_ptr<analytics::ClickAnalytics> analytics;
    std::unique_ptr<http_server::BlockingWork> api_reads;  ///< null when reads are local
    std::atomic<bool> ready{false};
    std::unique_ptr<CircuitBreaker> shared_breaker;
    std::vector<RedirectLane> lanes;
    net::Address redirect_address;
    LinkFanout fanout{lanes};
    std::unique_ptr<CacheControl> cache_control;
    std::unique_ptr<SharedLinks> shared_links;
    std::unique_ptr<ModeRenewal> mode_renewal;  ///< null without Redis
    std::unique_ptr<clicks::DurabilitySyncer> syncer;
    std::unique_ptr<cache::LinkFetcher> fetcher;
    std::unique_ptr<http_server::RateLimiter> redirect_limiter;
    std::unique_ptr<http_server::RateLimiter> api_limiter;
    std::unique_ptr<SharedRateLimits> shared_limits;  ///< null without limits, or without Redis
    std::unique_ptr<IngestLane> ingest;
    std::unique_ptr<StoreProbes> probes;
    SideLane api;
    SideLane admin;
    http_server::ServerConfig admin_server;

    Result<void> share_connections();
    Result<void> open_stores();
    links::LinkStore& lookups();
    Result<void> open_redirects();
    Result<void> open_shared_links();
    Result<void> pin_popular();
    void follow_modes();
    void follow_places();
    Result<void> open_ingest();
    Result<void> open_api();
    Result<void> open_shared_limits();
    Result<void> open_admin();
    Result<void> open_side(SideLane& lane, const net::Address& address, const char* name, int cpu,
                           const http_server::ServerConfig& server,
                           const net::TlsServerContext* tls_context);
    std::vector<RedisUse> redis_clients() const;
    std::vector<BreakerUse> breakers() const;
    void start_threads();
    void drain();
};

/// Moves what a factory made into its place.
template <class T>
Result<void> into(std::unique_ptr<T>& place, Result<std::unique_ptr<T>> made) {
    if (!made) return made.error();
    place = std::move(*made);
    return {};
}

}  // namespace qck::commands
