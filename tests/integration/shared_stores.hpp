#pragma once

#include <memory>
#include <string>

#include "services/stores/clickhouse/schema.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/schema.hpp"
#include "tests/integration/service_fixture.hpp"
#include "tests/support/clickhouse_server.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/redis_server.hpp"

namespace qck::test {

/// The stores that instances share, with their schemas; ClickHouse where it is installed.
class SharedStores {
public:
    explicit SharedStores(bool with_clickhouse = true) {
        if (with_clickhouse && ClickhouseServer::installed()) {
            clickhouse = std::make_unique<ClickhouseServer>();
            make_clickhouse_schema();
        }
        postgres::PoolOptions options;
        options.url = postgres.url();
        postgres::Pool pool(options);
        const auto connection = pool.take();
        if (!connection) FAIL(connection.error().message);
        const auto migrated = postgres::migrate(**connection);
        if (!migrated) FAIL(migrated.error().message);
    }

    void use(commands::ServiceConfig& config) const {
        config.postgres = postgres.url();
        config.postgres_sync = std::chrono::milliseconds(500);
        config.redis = redis.config();
        config.breaker.period = std::chrono::milliseconds(200);
        if (clickhouse) config.clickhouse = *clickhouse::parse_clickhouse_url(clickhouse->url());
    }
    void make_clickhouse_schema() const {
        clickhouse::Client client = clickhouse_client();
        const auto made = clickhouse::make_schema(client, {});
        if (!made) FAIL(made.error().message);
    }
    /// Without the last line end.
    std::string ask_clickhouse(const std::string& query) const {
        auto answer = clickhouse_client().query(query);
        if (!answer) FAIL(answer.error().message);
        while (!answer->empty() && answer->back() == '\n') answer->pop_back();
        return *answer;
    }

    PostgresServer postgres;
    RedisServer redis;
    std::unique_ptr<ClickhouseServer> clickhouse;

private:
    clickhouse::Client clickhouse_client() const {
        clickhouse::ClientConfig config;
        config.url = *clickhouse::parse_clickhouse_url(clickhouse->url());
        return clickhouse::Client(std::move(config));
    }
};

}  // namespace qck::test
