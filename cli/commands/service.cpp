#include "cli/commands/service.hpp"

#include <sys/random.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "cli/commands/descriptor_shares.hpp"
#include "cli/commands/journal_gate.hpp"
#include "cli/commands/popular_links.hpp"
#include "cli/commands/server_draining.hpp"
#include "cli/commands/service_parts.hpp"
#include "services/api/api_handler.hpp"
#include "services/cache/store_source.hpp"
#include "services/links/code_generator.hpp"
#include "services/redirect/redirect_handler.hpp"
#include "services/stores/redis/cluster_check.hpp"

namespace qck::commands {
namespace {

constexpr std::size_t fetch_threads = 2;
constexpr std::size_t lookups_max = 20'000;
/// Each may wait for PostgreSQL or Redis.
constexpr std::size_t api_read_threads = 4;
constexpr std::size_t api_reads_waiting_max = 1'000;
/// For Redis to take an operator's word.
constexpr std::chrono::milliseconds pin_max{2'000};

std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    [[maybe_unused]] const auto got = ::getrandom(&seed, sizeof seed, 0);
    return seed;
}

/// Steps of a start: each runs if those before it went well.
Result<void> in_order(std::initializer_list<std::function<Result<void>()>> steps) {
    for (const auto& step : steps) {
        if (auto done = step(); !done) return done;
    }
    return {};
}

}  // namespace

Result<void> Service::Parts::share_connections() {
    const std::uint64_t limit = raise_descriptor_limit();
    const auto shares = share_descriptors(limit, config.threads);
    if (!shares) return shares.error();
    const std::uint32_t each = std::max(shares->redirects / config.threads, 1U);
    if (each < config.redirect_server.connections_max) {
        log::warn("descriptors_low", {{"open_files", limit},
                                      {"connections_a_thread", each},
                                      {"wanted", config.redirect_server.connections_max},
                                      {"fix", "raise ulimit -n"}});
        config.redirect_server.connections_max = each;
    }
    for (auto* const server : {&config.api_server, &config.ingest_server, &admin_server}) {
        server->connections_max = std::min(server->connections_max, shares->side);
    }
    return {};
}

Result<void> Service::Parts::open_stores() {
    return in_order({
        [&]() -> Result<void> {
            if (config.geoip.empty()) return {};
            auto opened = maxmind::Places::open(config.geoip);
            if (!opened) {
                return error(opened.error().code, "--geoip: " + opened.error().message);
            }
            return into(places, std::move(opened));
        },
        [&] { return into(directory, clicks::DataDirectory::open(config.data_dir, "qck serve")); },
        [&] {
            LinkStoresConfig stores;
            stores.database = directory->links_database();
            stores.writer_cpu = config.cpu_of(ServiceConfig::OtherThread::link_writer);
            stores.power_safe = config.power_safe;
            stores.postgres = config.postgres;
            stores.postgres_replica = config.postgres_replica;
            stores.shared_cache = config.redis.has_value();
            stores.node = static_cast<std::uint16_t>(directory->identity().node &
                                                     links::SnowflakeIds::node_max);
            return into(links, LinkStores::open(stores));
        },
        [&] {
            return into(click_store, sqlite::SqliteClickStore::open(directory->clicks_database(),
                                                                    directory->identity().node));
        },
        [&] { return directory->pass_epochs_of(*click_store); },
        [&] {
            // One for each reactor that redirects, and the last one for what is ingested.
            const auto shards = static_cast<std::uint16_t>(config.threads + 1);
            const clicks::JournalConfig journal_config{.shards = shards,
                                                       .segment_bytes = config.segment_bytes,
                                                       .power_safe = config.power_safe};
            return into(journal, clicks::Journal::open(*directory, journal_config));
        },
        [&]() -> Result<void> {
            if (links->primary() == nullptr) return {};
            postgres_breaker = std::make_unique<CircuitBreaker>(config.breaker);
            guarded_links = std::make_unique<links::GuardedLinkStore>(
                links->store(), *postgres_breaker, CircuitUse{"postgres", "lookups"});
            return {};
        },
        [&] {
            bursts = std::make_unique<BurstWatch>(config.bursts, lookups());
            DeliveriesConfig delivery;
            delivery.redis = config.redis;
            delivery.postgres_suppressed = [modes = &bursts->modes()](std::uint64_t link_id) {
                return modes->suppresses_postgres(link_id);
            };
            delivery.deferred_links = [modes = &bursts->modes()] { return modes->in_burst(); };
            delivery.clickhouse = config.clickhouse;
            // Without addresses nobody tells visitors apart.
            delivery.uniques =
                config.ip_mode == clicks::IpMode::none ? UniquesIn::off : config.uniques;
            delivery.breaker = config.breaker;
            delivery.postgres_sync = config.postgres_sync;
            if (places) {
                delivery.place = [places = places.get()](const auto& ip, auto& place) {
                    return places->find(ip, place);
                };
            }
            delivery.seed = random_seed();
            return into(deliveries, Deliveries::open({*journal, *click_store, links->store(),
                                                      links->primary(), links->replica()},
                                                     std::move(delivery)));
        },
        [&] {
            clicks::CountingConfig settings;
            settings.keep = config.journal_keep;
            settings.observers = deliveries->observers();
            settings.observers.push_back(&bursts->modes());
            settings.holders = deliveries->holders();
            return into(counting, clicks::ClickCounting::start(*journal, *click_store, settings));
        },
    });
}

/// For who asks on somebody's behalf; who works in the background has a pace of his own.
links::LinkStore& Service::Parts::lookups() {
    if (guarded_links) return *guarded_links;
    return links->store();
}

Result<void> Service::Parts::open_redirects() {
    if (!config.tls_certificate.empty()) {
        auto loaded = net::TlsServerContext::load({config.tls_certificate, config.tls_key});
        if (auto placed = into(tls, std::move(loaded)); !placed) return placed;
    }
    shared_breaker = std::make_unique<CircuitBreaker>(config.breaker);
    fetcher = std::make_unique<cache::LinkFetcher>(lookups(), fetch_threads, lookups_max);
    auto listeners = net::listen_on(config.redirect_address, config.threads);
    if (!listeners) return listeners.error();
    if (config.steer_by_cpu) {
        if (const auto steered = net::steer_by_cpu(*listeners, config.pin); !steered) {
            log::warn("not_steered", {{"why", steered.error().message}});
        }
    }
    auto address = net::local_address(listeners->front().get());
    if (!address) return address.error();
    redirect_address = *address;

    redirect_limiter = limiter(config.redirect_rate_limit, random_seed());
    redirect::RedirectConfig redirect_config;
    redirect_config.cache_bytes_max =
        std::max<std::size_t>(config.cache_bytes / config.threads, 1 << 20);
    redirect_config.journal_full = config.journal_full;
    redirect_config.ip_mode = config.ip_mode;
    redirect_config.ip_key = directory->identity().ip_key;
    redirect_config.hash_seed = random_seed();
    lanes.resize(config.threads);
    if (config.power_safe) {
        syncer = std::make_unique<clicks::DurabilitySyncer>(
            *journal,
            [this](std::uint16_t shard, std::uint64_t position) {
                if (shard == config.threads) return ingest->set_durable(position);
                RedirectLane& lane = lanes[shard];
                lane.thread->reactor().post([&lane, position] {
                    lane.gate->set_durable(position);
                    lane.server->gate_opened(position);
                });
            },
            clicks::DurabilitySyncer::Options{.sync_file = config.sync_file, .lost = {}});
    }
    for (std::uint16_t i = 0; i < config.threads; ++i) {
        RedirectLane& lane = lanes[i];
        const int cpu = config.pin.empty() ? -1 : config.pin[i % config.pin.size()];
        auto made =
            into(lane.thread, ReactorThread::create("qck-redirect-" + std::to_string(i), cpu));
        if (!made) return made;
        net::Reactor& reactor = lane.thread->reactor();
        reactor.busy_poll(config.busy_poll);
        lane.source = std::make_unique<cache::StoreSource>(reactor, *fetcher);
        if (config.redis) {
            auto shared = SharedLane::open(reactor, *config.redis, *lane.source, *shared_breaker,
                                           random_seed());
            if (auto placed = into(lane.shared, std::move(shared)); !placed) return placed;
        }
        lane.handler = std::make_unique<redirect::RedirectHandler>(
            reactor, lane.shared ? lane.shared->source() : *lane.source, journal->shard(i),
            redirect_config);
        lane.news = std::make_unique<LinkNews>(reactor, tell_handler(*lane.handler));
        lane.limited = limited(*lane.handler, redirect_limiter.get());
        if (syncer) {
            lane.gate = std::make_unique<JournalGate>(journal->shard(i), *syncer);
            lane.handler->answers_held_by([gate = lane.gate.get()] { return gate->holds(); });
        }
        lane.server = std::make_unique<http_server::Server>(reactor, std::move((*listeners)[i]),
                                                            front(lane), config.redirect_server,
                                                            tls.get(), lane.gate.get());
        if (auto started = lane.server->start(); !started) return started;
    }
    follow_places();
    links->observe(fanout);
    if (config.redis) {
        mode_renewal = std::make_unique<ModeRenewal>(
            bursts->modes(), links->store(),
            [this](std::vector<redis::Command> commands) {
                if (const auto sent = shared_links->send(std::move(commands), pin_max); !sent) {
                    log::warn("modes_not_renewed", {{"error", sent.error().message}});
                }
            },
            config.mode_renewal);
    }
    follow_modes();
    if (auto pinned = pin_popular(); !pinned) return pinned;
    return open_shared_links();
}

/// Until the first sign of life of the others, what is cached is read again every second.
Result<void> Service::Parts::open_shared_links() {
    cache_control = std::make_unique<CacheControl>(
        CacheControl::Parts{lanes, shared_links, lookups(), *fetcher, local_counts(*directory)});
    bursts->find_by([this](const std::string& code) { return cache_control->link_of(code); });
    if (!config.redis) return {};
    if (links->primary() == nullptr) {
        log::warn("links_not_shared",
                  {{"why", "--redis without --postgres: links are in this instance's SQLite"},
                   {"effect",
                    "another instance on this Redis answers 404 for them, and may make "
                    "this one do so; give all of them the same --postgres"}});
    }
    SharedLinks::Told told{
        [this](const std::string& code, const cache::Known& known) { fanout.known(code, known); },
        [this](bool heard) {
            fanout.heard(heard);
            if (heard && deliveries) deliveries->may_be_well("redis", monotonic_ns());
        },
        [this](redis::LinkOrder order, const std::string& code) {
            cache_control->obey(order, code);
        },
        [this](std::uint64_t link_id, const std::string& code, const std::string& mode) {
            bursts->was_set(link_id, code, mode);
        }};
    auto opened = SharedLinks::open(*config.redis, std::move(told), *links->outbox());
    if (auto placed = into(shared_links, std::move(opened)); !placed) return placed;
    bursts->share_by(
        [this](std::uint64_t link_id, const std::string& code, const std::string& mode) {
            return shared_links->pin_mode(link_id, code, mode, pin_max);
        });
    fanout.publish_to(shared_links->publisher());
    fanout.heard(false);
    return {};
}

/// Links that are configured to redirect with every store down; before the reactors run.
Result<void> Service::Parts::pin_popular() {
    if (config.popular_file.empty()) return {};
    links::LinkRules rules;
    rules.own_hosts = config.own_hosts;
    rules.own_hosts.push_back(redirect_address.to_string());
    rules.past_expiry_allowed = true;
    const auto popular = load_popular_links(config.popular_file, directory->path() / "popular.json",
                                            links->store(), rules);
    if (!popular) return popular.error();
    for (const RedirectLane& lane : lanes) {
        for (const links::Link& link : *popular) {
            if (!lane.handler->pin(link, cache::PinReason::popular)) {
                return error(
                    Errc::invalid_argument,
                    "--popular: its links take more than half of the cache; raise --cache");
            }
        }
    }
    return {};
}

/// A link above normal stays in every L1.
void Service::Parts::follow_modes() {
    bursts->modes().listen([this](const clicks::LinkModeChange& change) {
        if (change.code.empty()) return;
        const bool pinned = change.to != clicks::LinkMode::normal;
        if (pinned && mode_renewal) mode_renewal->hurry();
        for (const RedirectLane& lane : lanes) {
            lane.thread->reactor().post([handler = lane.handler.get(), code = change.code, pinned] {
                if (pinned) {
                    handler->pin(code, cache::PinReason::mode);
                } else {
                    handler->unpin(code, cache::PinReason::mode);
                }
            });
        }
    });
    bursts->start();
}

/// Where the address itself is dropped, the country is looked up before.
void Service::Parts::follow_places() {
    const bool dropped =
        config.ip_mode == clicks::IpMode::hash || config.ip_mode == clicks::IpMode::none;
    if (!places || !dropped) return;
    const auto told = [this] {
        auto memory = std::make_shared<maxmind::CountryMemory>(places->current());
        return [memory](const sockaddr* address) { return memory->country(address); };
    };
    for (const RedirectLane& lane : lanes) {
        lane.thread->reactor().post([handler = lane.handler.get(), lookup = told()]() mutable {
            handler->look_up_countries(std::move(lookup));
        });
    }
}

Result<void> Service::Parts::open_ingest() {
    IngestLane::Config lane{.address = config.ingest_address,
                            .keys_max = config.dedupe_events,
                            .handler = {},
                            .server = config.ingest_server};
    lane.handler.ip_mode = config.ip_mode;
    lane.handler.ip_key = directory->identity().ip_key;
    return into(ingest, IngestLane::open(
                            lane, {*journal, config.threads, *counting, lookups(), syncer.get()}));
}

Result<void> Service::Parts::open_api() {
    analytics = std::make_unique<analytics::ClickAnalytics>(*counting, deliveries->shared_totals(),
                                                            deliveries->visitors());
    if (config.redis || links->primary() != nullptr || deliveries->visitors() != nullptr) {
        api_reads = std::make_unique<http_server::BlockingWork>("qck-api-read", api_read_threads,
                                                                api_reads_waiting_max);
    }
    api::ApiConfig api_config;
    api_config.bearer_token = config.token;
    api_config.analytics_kept_for = config.analytics_kept_for;
    api_config.rules.own_hosts = config.own_hosts;
    api_config.rules.own_hosts.push_back(redirect_address.to_string());
    api.handler =
        std::make_unique<api::ApiHandler>(api_config, api::ApiParts{.store = lookups(),
                                                                    .writer = links->writer(),
                                                                    .analytics = analytics.get(),
                                                                    .reads = api_reads.get()});
    api_limiter = limiter(config.api_rate_limit, random_seed());
    api.limited = limited(*api.handler, api_limiter.get());
    return open_side(api, config.api_address, "qck-api",
                     config.cpu_of(ServiceConfig::OtherThread::api), config.api_server, tls.get());
}

/// Limits hold over all instances when these share a Redis.
Result<void> Service::Parts::open_shared_limits() {
    std::vector<http_server::LimitExchange::Limiter> limiters;
    if (redirect_limiter) limiters.push_back({"redirect", *redirect_limiter});
    if (api_limiter) limiters.push_back({"api", *api_limiter});
    if (!config.redis || limiters.empty()) return {};
    auto exchange = config.limit_exchange;
    exchange.seed = random_seed();
    return into(shared_limits, SharedRateLimits::open(*config.redis, directory->identity().node,
                                                      std::move(limiters), exchange));
}

void Service::Parts::start_threads() {
    deliveries->start();
    if (shared_limits) shared_limits->start();
    if (shared_links) shared_links->start();
    if (mode_renewal) mode_renewal->start();
    for (RedirectLane& lane : lanes) lane.thread->start();
    ingest->start();
    api.thread->start();
    admin.thread->start();
    ready = true;
}

void Service::Parts::drain() {
    ready = false;
    std::vector<ServerOnReactor> servers;
    for (RedirectLane& lane : lanes)
        servers.emplace_back(&lane.thread->reactor(), lane.server.get());
    servers.emplace_back(&api.thread->reactor(), api.server.get());
    servers.emplace_back(&ingest->reactor(), &ingest->server());
    drain_servers(servers, config.drain_timeout);
}

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<Service>> Service::start(const ServiceConfig& config) {
    auto parts = std::make_unique<Parts>();
    parts->config = config;
    const auto opened = in_order(
        {[&] { return config.redis ? redis::check_cluster(*config.redis) : Result<void>(); },
         [&] { return parts->share_connections(); }, [&] { return parts->open_stores(); },
         [&] { return parts->open_redirects(); }, [&] { return parts->open_ingest(); },
         [&] { return parts->open_api(); }, [&] { return parts->open_shared_limits(); },
         [&] { return parts->open_admin(); }});
    std::unique_ptr<Service> service(new Service(std::move(parts)));
    if (!opened) return opened.error();
    service->parts_->start_threads();
    return service;
}

Service::~Service() { stop(); }

std::string Service::ready_line() const {
    return "ready redirect=" + parts_->redirect_address.to_string() +
           " api=" + parts_->api.address.to_string() +
           " ingest=" + parts_->ingest->address().to_string() +
           " admin=" + parts_->admin.address.to_string();
}

Result<void> Service::reload_certificates() {
    if (!parts_->tls) return {};
    return parts_->tls->reload();
}

Result<void> Service::reload_places() {
    if (!parts_->places) return {};
    if (auto reloaded = parts_->places->reload(); !reloaded) return reloaded;
    parts_->follow_places();
    return {};
}

void Service::stop() {
    if (!parts_) return;
    Parts& parts = *parts_;
    if (parts.deliveries) parts.deliveries->give_up();
    if (parts.probes) parts.probes->stop();
    if (parts.ready) parts.drain();
    for (SideLane* const side : {&parts.api, &parts.admin}) {
        if (side->thread) side->thread->stop();
    }
    // It posts to the redirects' reactors.
    if (parts.bursts) parts.bursts->stop();
    if (parts.mode_renewal) parts.mode_renewal->stop();
    parts.api_reads.reset();
    // Changes still under way tell the redirects when they are committed.
    if (parts.links) parts.links->close();
    if (parts.shared_links) parts.shared_links->stop(std::chrono::seconds(1));
    for (RedirectLane& lane : parts.lanes) {
        if (lane.thread) lane.thread->stop();
    }
    if (parts.ingest) parts.ingest->stop();
    // Used by handlers and gates until their reactors stopped; what they post to those is dropped.
    parts.fetcher.reset();
    parts.syncer.reset();
    if (parts.counting) parts.counting->stop();
    if (parts.deliveries) parts.deliveries->stop(std::chrono::seconds(5));
    // Servers before handlers before reactors.
    for (SideLane* const side : {&parts.admin, &parts.api}) {
        side->server.reset();
        side->limited.reset();
        side->handler.reset();
        side->thread.reset();
    }
    parts.ingest.reset();
    for (RedirectLane& lane : parts.lanes) {
        lane.server.reset();
        lane.limited.reset();
        lane.news.reset();
        lane.handler.reset();
        lane.shared.reset();
    }
    parts.shared_limits.reset();
    parts.shared_links.reset();
    parts_.reset();
}

}  // namespace qck::commands
