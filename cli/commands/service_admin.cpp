#include "base/clock.hpp"
#include "cli/commands/arrivals_action.hpp"
#include "cli/commands/reconcile_action.hpp"
#include "cli/commands/service_parts.hpp"
#include "cli/commands/service_status.hpp"
#include "services/admin/admin_handler.hpp"

namespace qck::commands {

Result<void> Service::Parts::open_side(SideLane& lane, const net::Address& address,
                                       const char* name, int cpu,
                                       const http_server::ServerConfig& server,
                                       const net::TlsServerContext* tls_context) {
    auto listeners = net::listen_on(address, 1);
    if (!listeners) return listeners.error();
    auto bound = net::local_address(listeners->front().get());
    if (!bound) return bound.error();
    lane.address = *bound;
    if (auto made = into(lane.thread, ReactorThread::create(name, cpu)); !made) return made;
    lane.server = std::make_unique<http_server::Server>(
        lane.thread->reactor(), std::move(listeners->front()), front(lane), server, tls_context);
    return lane.server->start();
}

std::vector<RedisUse> Service::Parts::redis_clients() const {
    std::vector<RedisUse> clients{{"changes", &shared_links->client_figures()},
                                  {"counts", deliveries->redis_figures()}};
    for (const RedirectLane& lane : lanes) clients.push_back({"lookups", &lane.shared->figures()});
    if (const auto* const figures = deliveries->uniques_figures()) {
        clients.push_back({"uniques", figures});
    }
    if (shared_limits) clients.push_back({"limits", &shared_limits->client_figures()});
    return clients;
}

std::vector<BreakerUse> Service::Parts::breakers() const {
    std::vector<BreakerUse> breakers;
    for (const auto& [store, breaker] : deliveries->breakers()) {
        breakers.push_back({store, "counts", breaker});
    }
    for (const auto& [store, breaker] : deliveries->row_breakers()) {
        breakers.push_back({store, "rows", breaker});
    }
    if (const auto* const breaker = deliveries->visitors_breaker()) {
        breakers.push_back({"clickhouse", "uniques", breaker});
    }
    if (shared_links) breakers.push_back({"redis", "lookups", shared_breaker.get()});
    if (postgres_breaker) breakers.push_back({"postgres", "lookups", postgres_breaker.get()});
    return breakers;
}

Result<void> Service::Parts::open_admin() {
    admin::AdminParts parts;
    admin::Listener redirects{"redirect", {}};
    std::vector<const redirect::ArrivalLog*> arrivals;
    for (const RedirectLane& lane : lanes) {
        arrivals.push_back(&lane.handler->arrivals());
        parts.metrics.redirects.push_back(&lane.handler->counters());
        redirects.servers.push_back(&lane.server->counters());
    }
    parts.metrics.listeners = {
        redirects, {"api", {&api.server->counters()}}, {"ingest", {&ingest->server().counters()}}};
    parts.metrics.ingest = &ingest->counters();
    parts.metrics.counting = counting.get();
    parts.metrics.modes = &bursts->modes();
    parts.metrics.alerts = bursts->alerts();
    parts.metrics.limiters = {{"redirect", redirect_limiter.get()}, {"api", api_limiter.get()}};
    parts.metrics.more.emplace_back([this] { return deliveries->samples(); });
    if (shared_links) {
        parts.metrics.more.emplace_back([this] { return shared_samples(lanes, *shared_links); });
        parts.metrics.more.emplace_back([this] { return redis_samples(redis_clients()); });
    }
    parts.metrics.more.emplace_back([this] { return breaker_samples(breakers()); });
    if (shared_limits) {
        parts.metrics.more.emplace_back([this] { return shared_limits->samples(); });
    }
    if (places) parts.metrics.more.emplace_back([this] { return place_samples(*places); });
    parts.is_ready = [this] { return ready.load(std::memory_order_relaxed); };
    parts.started_at_ms = wall_ms();
    parts.bearer_token = config.token;
    probes = StoreProbes::start(config.postgres, config.clickhouse, [this](std::string_view store) {
        const std::int64_t now_ns = monotonic_ns();
        deliveries->may_be_well(store, now_ns);
        if (store == "postgres") postgres_breaker->may_be_well(now_ns);
    });
    for (auto& action : bursts->actions()) parts.actions.push_back(std::move(action));
    for (auto& action : cache_control->actions()) parts.actions.push_back(std::move(action));
    parts.more_status = [status = StatusParts{lanes, bursts->modes(), *deliveries,
                                              shared_links.get(), parts.metrics.limiters, *probes}](
                            auto& document) { add_status(document, status); };
    parts.actions.push_back(arrivals_action(std::move(arrivals)));
    parts.actions.push_back(reconcile_action({config.data_dir, links->store(), *deliveries}));
    admin.handler = std::make_unique<admin::AdminHandler>(std::move(parts));
    return open_side(admin, config.admin_address, "qck-admin", -1, admin_server, nullptr);
}

}  // namespace qck::commands
