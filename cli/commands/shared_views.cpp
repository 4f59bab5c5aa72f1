#include "cli/commands/shared_views.hpp"

#include <utility>

#include "services/stores/clickhouse/clickhouse_minutes_view.hpp"
#include "services/stores/clickhouse/clickhouse_totals_view.hpp"
#include "services/stores/postgres/postgres_totals_view.hpp"
#include "services/stores/redis/redis_totals_view.hpp"

namespace qck::commands {

Result<std::unique_ptr<SharedViews>> SharedViews::open(const Addresses& addresses,
                                                       std::uint64_t node) {
    std::unique_ptr<SharedViews> shared(new SharedViews);
    if (addresses.redis) {
        auto client = redis::BlockingClient::create(*addresses.redis);
        if (!client) return client.error();
        shared->redis_ = std::move(*client);
        shared->views_.push_back(std::make_unique<redis::RedisTotalsView>(*shared->redis_, node));
    }
    if (!addresses.postgres.empty()) {
        postgres::PoolOptions options;
        options.url = addresses.postgres;
        shared->primary_ = std::make_unique<postgres::Pool>(std::move(options));
        shared->views_.push_back(
            std::make_unique<postgres::PostgresTotalsView>(*shared->primary_, node));
    }
    if (addresses.clickhouse) {
        clickhouse::ClientConfig client;
        client.url = *addresses.clickhouse;
        shared->minutes_ = std::make_unique<clickhouse::ClickhouseMinutesView>(client, node);
        shared->views_.push_back(
            std::make_unique<clickhouse::ClickhouseTotalsView>(std::move(client), node));
    }
    return shared;
}

std::vector<reconcile::TotalsView*> SharedViews::views() const {
    std::vector<reconcile::TotalsView*> views;
    for (const auto& view : views_) views.push_back(view.get());
    return views;
}

std::string SharedViews::code_of(std::uint64_t id) const {
    const auto rows = primary_->with([&](postgres::Connection& connection) {
        return connection.query("SELECT short_code FROM links WHERE id = $1::bigint",
                                postgres::Parameters().add(id));
    });
    return rows && rows->size() > 0 ? std::string(rows->text(0, 0)) : std::string();
}

std::uint64_t SharedViews::id_of(const std::string& code) const {
    const auto rows = primary_->with([&](postgres::Connection& connection) {
        return connection.query("SELECT id FROM links WHERE short_code = $1::text",
                                postgres::Parameters().add(std::string_view(code)));
    });
    return rows && rows->size() > 0 ? rows->number(0, 0) : 0;
}

}  // namespace qck::commands
