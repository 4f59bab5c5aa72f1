#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "services/stores/clickhouse/clickhouse_event_sink.hpp"
#include "services/stores/clickhouse/schema.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/clickhouse_server.hpp"

/// Skips a test by name where no server is installed.
#define NEEDS_CLICKHOUSE()                                        \
    if (!qck::test::ClickhouseServer::installed()) {              \
        WARN("skipped: clickhouse-server is not installed here"); \
        return;                                                   \
    }

namespace qck::clickhouse::test {

using qck::test::ClickhouseServer;

template <class T>
T take(Result<T> result) {
    INFO((result ? std::string() : result.error().message));
    REQUIRE(result.has_value());
    return std::move(*result);
}
inline void take(const Result<void>& result) {
    INFO((result ? std::string() : result.error().message));
    REQUIRE(result.has_value());
}

inline ClientConfig client_of(const std::string& url,
                              std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    ClientConfig config;
    config.url = take(parse_clickhouse_url(url));
    config.request_timeout = timeout;
    config.retry_first = std::chrono::milliseconds(10);
    config.retry_max = std::chrono::milliseconds(200);
    return config;
}

inline EventSinkConfig sink_of(const std::string& url,
                               std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    EventSinkConfig config;
    config.client = client_of(url, timeout);
    config.settle_for = std::chrono::milliseconds(300);
    return config;
}

/// What a server answers, without the last line end.
inline std::string asked(const std::string& url, const std::string& query) {
    Client client(client_of(url));
    auto text = take(client.query(query));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

inline void make_tables(const std::string& url, const SchemaOptions& options = {}) {
    Client client(client_of(url));
    static_cast<void>(take(make_schema(client, options)));
}

/// `rows` clicks of shard 3, epoch 2 from `sequence` on, on ten links.
inline clicks::EventBatch batch_of(std::size_t rows, std::uint64_t sequence = 0,
                                   std::int64_t time_ms = 1'780'000'000'123) {
    clicks::EventBatch batch;
    batch.node = 0xabcdef0123456789;
    batch.token = "token" + std::to_string(sequence);
    const std::string agent =
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
    batch.agents = {{}, {agent, clicks::agent_fields(agent)}};
    batch.referrers = {"", "https://news.example/it's \\ here\n"};
    batch.places = {{}, {"DE", "Bayern", "M\xc3\xbcnchen"}};
    for (std::uint64_t link = 0; link < 10; ++link) {
        batch.link_ids.push_back(100 + link);
        batch.links.push_back({"code" + std::to_string(link), 7});
    }
    for (std::size_t n = 0; n < rows; ++n) {
        clicks::EventRow row;
        row.id = {3, 2, sequence + n};
        row.link = static_cast<std::uint32_t>(n % 10);
        row.link_id = 100 + row.link;
        row.time_ms = time_ms + static_cast<std::int64_t>(n / 100);
        row.ip.kind = 4;
        row.ip.bytes = {192, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)};
        row.click_class = n % 4 == 3 ? clicks::ClickClass::bot : clicks::ClickClass::human;
        row.agent = row.referrer = row.place = 1;
        batch.rows.push_back(row);
    }
    return batch;
}

}  // namespace qck::clickhouse::test
