#include "cli/commands/deliveries.hpp"

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "cli/commands/row_delivery.hpp"
#include "cli/commands/store_metrics.hpp"
#include "services/stores/clickhouse/clickhouse_totals_view.hpp"
#include "services/stores/postgres/postgres_stats.hpp"
#include "services/stores/postgres/postgres_totals_view.hpp"
#include "services/stores/redis/channels.hpp"
#include "services/stores/redis/redis_shared_totals.hpp"
#include "services/stores/redis/redis_totals_view.hpp"

namespace qck::commands {
namespace {

using namespace std::chrono_literals;

/// Codes of links that a delivery remembers.
constexpr std::size_t codes_remembered = 1'000'000;

clicks::LinkResolver codes_of(links::LinkStore& links) {
    const auto resolve = [&links](std::span<const std::uint64_t> ids) {
        std::vector<clicks::LinkFacts> facts;
        facts.reserve(ids.size());
        for (std::string& code : links::codes_in_order(links, ids)) {
            facts.push_back({std::move(code), 0});
        }
        return facts;
    };
    return clicks::remembering(resolve, codes_remembered);
}

}  // namespace

Result<UniquesIn> parse_uniques(std::string_view text) {
    if (text == "auto") return UniquesIn::any;
    if (text == "redis") return UniquesIn::redis;
    if (text == "clickhouse") return UniquesIn::clickhouse;
    if (text == "off") return UniquesIn::off;
    return error(Errc::invalid_argument, "'" + std::string(text) +
                                             "' is no place to count visitors (auto, redis, "
                                             "clickhouse or off)");
}

Result<std::unique_ptr<Deliveries>> Deliveries::open(const Parts& parts, DeliveriesConfig config) {
    std::unique_ptr<Deliveries> deliveries(new Deliveries);
    deliveries->node_ = parts.journal.directory().identity().node;
    deliveries->counts_ = &parts.counts;
    deliveries->postgres_suppressed_ = config.postgres_suppressed;
    deliveries->deferred_links_ = config.deferred_links;
    if (config.redis) {
        if (auto added = deliveries->add_redis(parts, config); !added) return added.error();
    }
    if (parts.primary != nullptr) deliveries->add_postgres(parts, config);
    if (config.clickhouse) {
        if (auto added = deliveries->add_clickhouse(parts, config); !added) return added.error();
    }
    if (auto added = deliveries->add_uniques(parts, config); !added) return added.error();
    return deliveries;
}

void Deliveries::add_totals(const Parts& parts, const DeliveriesConfig& config,
                            std::unique_ptr<clicks::TotalSink> sink, const std::string& target,
                            clicks::TotalDeliveryConfig delivery) {
    auto totals = std::make_unique<Totals>(config.breaker);
    const clicks::DataDirectory& directory = parts.journal.directory();
    totals->journal = clicks::touched_links(directory);
    totals->position = clicks::position_file(directory, sink->name(), target);
    totals->sink = std::move(sink);
    delivery.jitter_seed = config.seed + totals_.size();
    totals->delivery = std::make_unique<clicks::TotalDelivery>(
        clicks::TotalDelivery::Parts{parts.counts, *totals->sink, *totals->journal,
                                     *totals->position, totals->breaker, directory.identity().node},
        std::move(delivery));
    totals_.push_back(std::move(totals));
}

Result<void> Deliveries::add_redis(const Parts& parts, const DeliveriesConfig& config) {
    auto client = redis::BlockingClient::create(*config.redis);
    if (!client) return client.error();
    redis_ = std::move(*client);
    clicks::TotalDeliveryConfig delivery;
    delivery.every = 100ms;
    add_totals(parts, config, std::make_unique<redis::RedisTotalSink>(*redis_),
               config.redis->url.to_string(), std::move(delivery));
    // Another instance found that Redis had lost a link's totals: it needs ours again.
    redis_->subscribe(
        redis::heal_channel(config.redis->url.db),
        [&delivery = *totals_.back()->delivery](std::string_view payload) {
            const char* const end = payload.data() + payload.size();
            for (const char* at = payload.data(); at < end; ++at) {
                std::uint64_t id = 0;
                const auto [next, failure] = std::from_chars(at, end, id);
                if (failure != std::errc()) return;
                delivery.mark(id);
                at = next;
            }
        },
        [](bool) {});
    shared_totals_.push_back(std::make_unique<redis::RedisSharedTotals>(*redis_));
    views_.push_back(std::make_unique<redis::RedisTotalsView>(
        *redis_, parts.journal.directory().identity().node));
    return {};
}

void Deliveries::add_postgres(const Parts& parts, const DeliveriesConfig& config) {
    clicks::TotalDeliveryConfig delivery;
    delivery.every = config.postgres_sync;
    delivery.suppressed = config.postgres_suppressed;
    auto sink = std::make_unique<postgres::PostgresTotalSink>(*parts.primary);
    postgres_ = sink.get();
    shared_totals_.push_back(
        std::make_unique<postgres::PostgresStats>(*parts.replica, *parts.primary));
    views_.push_back(std::make_unique<postgres::PostgresTotalsView>(
        *parts.primary, parts.journal.directory().identity().node));
    add_totals(parts, config, std::move(sink), postgres::shown_url(parts.primary->options().url),
               std::move(delivery));
}

Result<void> Deliveries::add_clickhouse(const Parts& parts, const DeliveriesConfig& config) {
    clickhouse::EventSinkConfig sink;
    sink.client.url = *config.clickhouse;
    event_sink_ = std::make_unique<clickhouse::ClickhouseEventSink>(std::move(sink));
    clicks::EventDeliveryConfig delivery;
    delivery.deferred_links = config.deferred_links;
    delivery.resolve = codes_of(parts.links);
    resolve_ = codes_of(parts.links);
    delivery.place = config.place;
    if (auto added = add_rows(parts, config, *event_sink_, std::move(delivery)); !added)
        return added;
    clickhouse_rows_ = rows_.back().get();
    clickhouse::ClientConfig client;
    client.url = *config.clickhouse;
    clickhouse_ = config.clickhouse;
    minutes_ = std::make_unique<clickhouse::ClickhouseMinutesView>(client, node_);
    views_.push_back(std::make_unique<clickhouse::ClickhouseTotalsView>(std::move(client), node_));
    return {};
}

Result<void> Deliveries::add_rows(const Parts& parts, const DeliveriesConfig& config,
                                  clicks::EventSink& sink, clicks::EventDeliveryConfig delivery) {
    guards_.push_back(std::make_unique<clicks::GuardedEventSink>(sink, config.breaker));
    auto started =
        clicks::EventDelivery::start(parts.journal, *guards_.back(), std::move(delivery));
    if (!started) return started.error();
    rows_.push_back(std::make_unique<RowDelivery>(sink, std::move(*started)));
    return {};
}

Result<void> Deliveries::add_uniques(const Parts& parts, const DeliveriesConfig& config) {
    const bool by_rows = config.uniques == UniquesIn::clickhouse ||
                         (config.uniques == UniquesIn::any && config.clickhouse);
    if (config.uniques == UniquesIn::off || (by_rows ? !config.clickhouse : !config.redis)) {
        return {};
    }
    if (by_rows) {
        clickhouse::ClientConfig client;
        client.url = *config.clickhouse;
        client.connect_timeout = 500ms;
        client.request_timeout = 1'000ms;
        clickhouse_visitors_ =
            std::make_unique<clickhouse::ClickhouseVisitors>(std::move(client), config.breaker);
        visitors_ = clickhouse_visitors_.get();
        return {};
    }
    auto client = redis::BlockingClient::create(*config.redis);
    if (!client) return client.error();
    uniques_client_ = std::move(*client);
    redis_visitors_ = std::make_unique<redis::RedisVisitors>(*uniques_client_);
    visitors_ = redis_visitors_.get();
    clicks::EventDeliveryConfig delivery;
    delivery.age_max = 1'000ms;
    delivery.poll_every = 200ms;
    return add_rows(parts, config, *redis_visitors_, std::move(delivery));
}

Deliveries::~Deliveries() {
    // The client's messages mark links of a delivery, whose sink speaks through the client.
    for (const auto& totals : totals_) totals->delivery->stop(0ms);
}

std::vector<clicks::CountObserver*> Deliveries::observers() const {
    std::vector<clicks::CountObserver*> observers;
    for (const auto& totals : totals_) observers.push_back(totals->delivery.get());
    return observers;
}

std::vector<const clicks::SegmentHolder*> Deliveries::holders() const {
    std::vector<const clicks::SegmentHolder*> holders;
    for (const auto& rows : rows_) {
        // Visitors are an estimate: one that misses some is better than a disk that fills.
        if (&rows->sink != redis_visitors_.get()) holders.push_back(rows.get());
    }
    return holders;
}

void Deliveries::start() {
    for (const auto& totals : totals_) totals->delivery->start();
}

void Deliveries::stop(std::chrono::milliseconds deadline) {
    for (const auto& totals : totals_) totals->delivery->stop(deadline);
    for (const auto& rows : rows_) rows->delivery->stop(deadline);
}

std::vector<reconcile::TotalsView*> Deliveries::views() const {
    std::vector<reconcile::TotalsView*> views;
    for (const auto& view : views_) views.push_back(view.get());
    return views;
}

std::vector<analytics::SharedTotals*> Deliveries::shared_totals() const {
    std::vector<analytics::SharedTotals*> all;
    for (const auto& totals : shared_totals_) all.push_back(totals.get());
    return all;
}

std::vector<DeliveryStatus> Deliveries::status() const {
    std::vector<DeliveryStatus> all;
    for (const auto& totals : totals_) {
        const auto figures = totals->delivery->figures();
        all.push_back({std::string(totals->sink->name()), figures.lag_seconds,
                       figures.links_pending, false, figures.delivered, figures.failures,
                       figures.lost, figures.failing, figures.next_try_ns});
        if (all.back().away.empty() && totals->breaker.is_open()) {
            all.back().away = "it is left alone after many failures";
        }
    }
    for (std::size_t at = 0; at < rows_.size(); ++at) {
        const auto figures = rows_[at]->delivery->figures();
        const std::int64_t left_alone_ns = guards_[at]->breaker().open_until_ns();
        const std::int64_t next_try_ns =
            figures.next_try_ns == 0 ? 0 : std::max(figures.next_try_ns, left_alone_ns);
        all.push_back({std::string(rows_[at]->sink.name()), figures.lag_seconds,
                       figures.clicks_pending, true, figures.rows, figures.failures, 0,
                       figures.failing, next_try_ns});
    }
    return all;
}

void Deliveries::may_be_well(std::string_view store, std::int64_t now_ns) {
    for (const auto& totals : totals_) {
        if (totals->sink->name() == store) totals->breaker.may_be_well(now_ns);
    }
    for (const auto& guard : guards_) {
        if (guard->name() == store) guard->may_be_well(now_ns);
    }
}

std::vector<std::pair<std::string, const CircuitBreaker*>> Deliveries::breakers() const {
    std::vector<std::pair<std::string, const CircuitBreaker*>> breakers;
    for (const auto& totals : totals_) {
        breakers.emplace_back(totals->sink->name(), &totals->breaker);
    }
    return breakers;
}

std::vector<std::pair<std::string, const CircuitBreaker*>> Deliveries::row_breakers() const {
    std::vector<std::pair<std::string, const CircuitBreaker*>> breakers;
    for (const auto& guard : guards_) breakers.emplace_back(guard->name(), &guard->breaker());
    return breakers;
}

std::vector<admin::Sample> Deliveries::samples() const {
    std::vector<admin::Sample> samples;
    struct Family {
        const char* name;
        const char* help;
        bool is_counter;
        double (*value)(const DeliveryStatus&);
    };
    static const std::vector<Family> families{
        {"qck_delivery_lag_seconds", "Since a store had every click that was counted.", false,
         [](const DeliveryStatus& one) { return one.lag_s; }},
        {"qck_delivery_pending",
         "What a store is owed and has not acknowledged: links whose totals changed (redis, "
         "postgres), "
         "or about how many clicks of the journal (clickhouse, redis-uniques). 0: it has "
         "everything.",
         false, [](const DeliveryStatus& one) { return static_cast<double>(one.pending); }},
        {"qck_delivered_total", "Totals of links, or rows, that a store took.", true,
         [](const DeliveryStatus& one) { return static_cast<double>(one.delivered); }},
        {"qck_delivery_failures_total", "Deliveries that failed.", true,
         [](const DeliveryStatus& one) { return static_cast<double>(one.failures); }},
        {"qck_delivery_lost_total", "Links of which a store had lost what it was given.", true,
         [](const DeliveryStatus& one) { return static_cast<double>(one.lost); }}};
    const auto stores = status();
    for (const Family& family : families) {
        for (const DeliveryStatus& store : stores) {
            samples.push_back({family.name,
                               family.help,
                               family.is_counter,
                               {{"store", store.store}},
                               family.value(store)});
        }
    }
    return samples;
}

}  // namespace qck::commands
