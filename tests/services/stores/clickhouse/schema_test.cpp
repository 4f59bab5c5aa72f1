#include "tests/services/stores/clickhouse/clickhouse_fixture.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using namespace qck::clickhouse;
using namespace qck::clickhouse::test;
using qck::test::contains;

TEST_CASE("making the schema again changes nothing", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    const std::string tables =
        "SELECT name FROM system.tables WHERE database = 'qck_analytics' "
        "AND substring(name, 1, 1) != '.' ORDER BY name";
    const auto before = asked(server.url(), tables);
    CHECK(before ==
          "link_events\nlink_events_hourly\nlink_events_hourly_feed\nlink_events_hourly_local\n"
          "link_events_hourly_states\nlink_events_local\nlink_top_day\nlink_visitors_daily");
    make_tables(server.url());
    CHECK(asked(server.url(), tables) == before);
    asked(server.url(), qck::test::text_of_file(QCK_BUFFER_TABLE));
    asked(server.url(),
          "INSERT INTO qck_analytics.link_events_buffer (link_id, event_time, clicks) "
          "VALUES (9, now(), 3)");
    CHECK(asked(server.url(), "SELECT sum(clicks) FROM qck_analytics.link_events_buffer") == "3");
}

TEST_CASE("the top links of the day come first", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    asked(server.url(),
          "INSERT INTO qck_analytics.link_events_local (link_id, short_code, "
          "event_time, clicks) VALUES (1, 'a', now(), 5), (2, 'b', now(), 9), "
          "(1, 'a', now(), 6), (3, 'c', now() - 90000, 99)");
    CHECK(asked(server.url(), "SELECT short_code, clicks FROM qck_analytics.link_top_day") ==
          "a\t11\nb\t9");
}

TEST_CASE("months past the retention are dropped", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    ClickhouseEventSink sink(sink_of(server.url()));
    constexpr std::int64_t day_ms = 24 * 3600 * 1000;
    constexpr std::int64_t now_ms = 1'780'000'000'000;
    take(sink.insert(batch_of(10, 0, now_ms)));
    take(sink.insert(batch_of(20, 1'000, now_ms - 700 * day_ms)));
    take(sink.insert(batch_of(40, 2'000, now_ms - 800 * day_ms)));
    Client client(client_of(server.url()));
    CHECK(take(drop_expired(client, 730, now_ms)) == 2);
    CHECK(asked(server.url(), "SELECT count() FROM qck_analytics.link_events") == "30");
    CHECK(asked(server.url(), "SELECT sum(clicks) FROM qck_analytics.link_events_hourly") == "30");
    CHECK(take(drop_expired(client, 730, now_ms)) == 0);
}

TEST_CASE("a schema that is there is not made again, nor taken for another one",
          "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    Client client(client_of(server.url()));
    SchemaOptions options;
    options.cluster = "nosuch";
    const auto unknown = make_schema(client, options);
    REQUIRE_FALSE(unknown.has_value());
    CHECK(unknown.error().code == Errc::invalid_argument);
    CHECK(unknown.error().message.starts_with(
        "ClickHouse at " + server.url() + " knows no cluster nosuch (its remote_servers have "));
    CHECK(asked(server.url(),
                "SELECT count() FROM system.tables WHERE database = "
                "'qck_analytics'") == "0");
    CHECK(take(make_schema(client, {})) > 0);
    CHECK(take(make_schema(client, {})) == 0);
}

TEST_CASE("names of clusters are names and replicas need one", "[clickhouse]") {
    // Nobody is asked.
    Client two(client_of("http://127.0.0.1:1,127.0.0.1:2"));
    const auto apart = make_schema(two, {});
    REQUIRE_FALSE(apart.has_value());
    CHECK(apart.error().code == Errc::invalid_argument);
    CHECK(apart.error().message ==
          "the ClickHouse address names 2 nodes and no cluster, so each would have tables of its "
          "own: give the name that it has in their remote_servers (--clickhouse-cluster, try "
          "qck_cluster)");
    Client client(client_of("http://127.0.0.1:1"));
    SchemaOptions options;
    options.cluster = "x', y";
    CHECK(make_schema(client, options).error().code == Errc::invalid_argument);
    options = {};
    options.replicated = true;
    CHECK(make_schema(client, options).error().code == Errc::invalid_argument);
    options.cluster = "qck_cluster";
    const auto statements = schema_statements({24, 8}, options);
    CHECK(contains(statements[1],
                   "ReplicatedMergeTree('/clickhouse/tables/{shard}/qck_analytics/"
                   "link_events_local', '{replica}')"));
    CHECK(contains(statements[1], "TTL event_time + INTERVAL 730 DAY"));
    CHECK(contains(statements[2],
                   "Distributed('qck_cluster', 'qck_analytics', "
                   "'link_events_local', rand())"));
    CHECK_FALSE(contains(schema_statements({18, 16}, {})[1], "TTL"));
}
