#include "cli/commands/shared_views.hpp"

#include <algorithm>
#include <utility>

#include "services/stores/clickhouse/clickhouse_minutes_view.hpp"
#include "services/stores/clickhouse/clickhouse_totals_view.hpp"
#include "services/stores/postgres/postgres_totals_view.hpp"
#include "services/stores/redis/cluster_check.hpp"
#include "services/stores/redis/redis_totals_view.hpp"

namespace qck::commands {

Result<std::unique_ptr<SharedViews>> SharedViews::open(const Addresses& addresses,
                                                       std::uint64_t node) {
    std::unique_ptr<SharedViews> shared(new SharedViews);
    if (addresses.redis) {
        if (auto checked = redis::check_cluster(*addresses.redis); !checked) return checked.error();
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

std::vector<std::string> SharedViews::codes_of(std::span<const std::uint64_t> ids) const {
    postgres::ArrayText wanted;
    for (const std::uint64_t id : ids) wanted.add(id);
    const auto rows = primary_->with([&](postgres::Connection& connection) {
        return connection.query(
            "SELECT coalesce(short_code, '') FROM unnest($1::bigint[]) WITH ORDINALITY AS u(id, n)"
            " LEFT JOIN links ON links.id = u.id ORDER BY n",
            postgres::Parameters().add(wanted));
    });
    std::vector<std::string> codes(ids.size());
    for (std::size_t row = 0; rows && row < std::min(rows->size(), codes.size()); ++row) {
        codes[row] = rows->text(row, 0);
    }
    return codes;
}

Result<std::uint64_t> SharedViews::id_of(const std::string& code) const {
    const auto rows = primary_->with([&](postgres::Connection& connection) {
        return connection.query("SELECT id FROM links WHERE short_code = $1::text",
                                postgres::Parameters().add(std::string_view(code)));
    });
    if (!rows) return rows.error();
    return rows->size() > 0 ? rows->number(0, 0) : std::uint64_t{0};
}

}  // namespace qck::commands
