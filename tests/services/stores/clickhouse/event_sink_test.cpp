// The event sink against a real clickhouse-server.
#include <thread>

#include "services/clicks/country_code.hpp"
#include "services/stores/clickhouse/clickhouse_minutes_view.hpp"
#include "tests/services/stores/clickhouse/clickhouse_fixture.hpp"
#include "tests/support/early_proxy.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/zookeeper_server.hpp"

using namespace qck;
using namespace qck::clickhouse;
using namespace qck::clickhouse::test;
using qck::test::contains;

namespace {

constexpr const char* count_rows = "SELECT count(), sum(clicks) FROM qck_analytics.link_events";

/// Asks until the sink knows, as the delivery does.
std::vector<clicks::EventId> presence(ClickhouseEventSink& sink, const clicks::EventBatch& batch) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
        const auto found = sink.present(batch);
        if (found) return *found;
        INFO(found.error().message);
        REQUIRE(std::chrono::steady_clock::now() < until);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

}  // namespace

TEST_CASE("rows arrive in ClickHouse with every field", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    ClickhouseEventSink sink(sink_of(server.url()));
    take(sink.insert(batch_of(1000)));
    CHECK(asked(server.url(), count_rows) == "1000\t1000");
    CHECK(asked(server.url(),
                "SELECT click_id, link_id, user_id, short_code, event_time, event_ms, time_ms, "
                "IPv6NumToString(ip), ip_kind, referrer, country, region, city, device, browser, "
                "os, class, is_bot, clicks FROM qck_analytics.link_events WHERE sequence = 7") ==
          "abcdef0123456789-3-2-7\t107\t7\tcode7\t2026-05-28 20:26:40\t123\t1780000000123\t"
          "::ffff:192.0.0.7\t4\thttps://news.example/it\\'s \\\\ here\\n\tDE\tBayern\t"
          "M\xc3\xbcnchen\tmobile\tSafari\tiOS\tbot\t1\t1");
    CHECK(asked(server.url(),
                "SELECT sum(clicks), sum(human_clicks), max(visitors) FROM "
                "qck_analytics.link_events_hourly") == "1000\t750\t100");
    CHECK(asked(server.url(),
                "SELECT sum(clicks), max(visitors) FROM "
                "qck_analytics.link_visitors_daily") == "1000\t100");
}

TEST_CASE("uniques are within one percent", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    // 300,000 visitors of link 5, each twice.
    asked(server.url(),
          "INSERT INTO qck_analytics.link_events_local (link_id, event_time, ip, clicks) SELECT 5, "
          "toDateTime(1780000000), toFixedString(toString(number % 300000), 16), 1 FROM "
          "system.numbers LIMIT 600000");
    const double visitors = std::stod(asked(
        server.url(), "SELECT visitors FROM qck_analytics.link_visitors_daily WHERE link_id = 5"));
    CHECK(visitors == Approx(300'000).epsilon(0.01));
}

TEST_CASE("the sink tells which rows of a batch it has", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    ClickhouseEventSink sink(sink_of(server.url()));
    auto part = batch_of(300);
    part.rows.erase(part.rows.begin() + 100, part.rows.begin() + 200);
    take(sink.insert(part));
    CHECK(presence(sink, batch_of(300)).size() == 200);
    CHECK(presence(sink, batch_of(300, 1'000)).empty());
    auto other_epoch = batch_of(300);
    for (auto& row : other_epoch.rows) row.id.epoch = 9;
    CHECK(presence(sink, other_epoch).empty());
    auto one_link = batch_of(300);
    std::erase_if(one_link.rows, [](const auto& row) { return row.link_id != 104; });
    CHECK(presence(sink, one_link).size() == 20);
}

TEST_CASE("a missing table and a wrong password are errors that say what to do",
          "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server(qck::test::free_port(), {}, "s3cret");
    const std::string port = std::to_string(server.http_port());
    ClickhouseEventSink sink(sink_of("http://default:s3cret@127.0.0.1:" + port));
    const auto missing = sink.insert(batch_of(1));
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().code == Errc::not_found);
    CHECK(contains(missing.error().message, "qck init"));
    ClickhouseEventSink wrong(sink_of("http://default:wrong@127.0.0.1:" + port));
    const auto refused = wrong.insert(batch_of(1));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::permission);
    CHECK_FALSE(contains(refused.error().message, "wrong@"));
}

TEST_CASE("an insert into a server that hangs is not taken for lost", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    ClickhouseServer server;
    make_tables(server.url());
    ClickhouseEventSink sink(sink_of(server.url(), std::chrono::milliseconds(300)));
    take(sink.insert(batch_of(10)));
    server.stop();
    // It lies in the socket of the server, which has not read it: the sink cannot know.
    CHECK_FALSE(sink.insert(batch_of(100, 1'000)).has_value());
    CHECK_FALSE(sink.present(batch_of(100, 1'000)).has_value());
    server.go_on();
    CHECK(presence(sink, batch_of(100, 1'000)).size() == 100);
    CHECK(asked(server.url(), count_rows) == "110\t110");
}

TEST_CASE("a proxy's 504 is no answer: the insert may still run", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    qck::test::EarlyProxy proxy(server.http_port());
    ClickhouseEventSink sink(sink_of(proxy.url()));
    take(sink.insert(batch_of(10)));
    // So large that the server begins before it has all of it.
    const auto batch = batch_of(20'000, 1'000);
    proxy.lose_patience();
    const auto late = sink.insert(batch);
    REQUIRE_FALSE(late.has_value());
    CHECK(contains(late.error().message, "status 504 from http://127.0.0.1:"));
    // "None is there" would be true now, and not for long.
    const auto unknown = sink.present(batch);
    REQUIRE_FALSE(unknown.has_value());
    CHECK(contains(unknown.error().message, "an insert that got no answer still runs"));
    proxy.let_through();
    CHECK(presence(sink, batch).size() == 20'000);
    CHECK(asked(server.url(), count_rows) == "20010\t20010");
}

TEST_CASE("rows that a dead replica has registered are not taken for lost",
          "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    if (!qck::test::ZookeeperServer::installed()) {
        WARN("skipped: ZooKeeper is not installed here");
        return;
    }
    const qck::test::ZookeeperServer zookeeper;
    REQUIRE(zookeeper.await_start());
    const std::vector<std::uint16_t> ports{qck::test::free_port(), qck::test::free_port()};
    ClickhouseServer first(ports[0], ports, {zookeeper.port(), "first"});
    const ClickhouseServer second(ports[1], ports, {zookeeper.port(), "second"});
    const std::string both = first.url() + ",127.0.0.1:" + std::to_string(second.http_port());
    SchemaOptions options;
    options.cluster = "qck_cluster";
    options.replicated = true;
    make_tables(both, options);
    ClickhouseEventSink sink(sink_of(both));
    // Nothing is there, and nobody lags: an empty table is known to be empty.
    CHECK(presence(sink, batch_of(100)).empty());
    ClickhouseEventSink to_first(sink_of(first.url()));
    take(to_first.insert(batch_of(100)));
    CHECK(presence(sink, batch_of(100)).size() == 100);

    // The first takes a batch and is gone before the second has fetched it.
    asked(second.url(), "SYSTEM STOP FETCHES qck_analytics.link_events_local");
    take(to_first.insert(batch_of(50, 1'000)));
    first.kill();
    asked(second.url(), "SYSTEM START FETCHES qck_analytics.link_events_local");
    const auto unknown = sink.present(batch_of(50, 1'000));
    REQUIRE_FALSE(unknown.has_value());
    CHECK(contains(unknown.error().message, "this replica has not fetched all"));
    REQUIRE(first.start());
    CHECK(presence(sink, batch_of(50, 1'000)).size() == 50);
    CHECK(asked(second.url(), "SELECT count() FROM qck_analytics.link_events") == "150");

    // Hours that are wrong are corrected by one of the replicas, and by it alone.
    asked(second.url(),
          "ALTER TABLE qck_analytics.link_events_local DELETE WHERE sequence >= 1000");
    ClickhouseMinutesView minutes(client_of(both), batch_of(1).node);
    const auto hours = [&](const ClickhouseServer& server) {
        return asked(server.url(), "SELECT sum(clicks) FROM qck_analytics.link_events_hourly");
    };
    CHECK(qck::test::eventually([&] {
        return asked(first.url(), count_rows) == "100\t100" &&
               asked(second.url(), count_rows) == "100\t100";
    }));
    CHECK(hours(second) == "150");
    CHECK(qck::test::eventually(
        [&] { return minutes.correct_hours(1'780'000'000, 1'780'000'000).has_value(); }));
    CHECK(qck::test::eventually([&] { return hours(first) == "100" && hours(second) == "100"; }));
}

TEST_CASE("an insert into a server that was killed is decided when it refuses or is back",
          "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    ClickhouseServer server;
    make_tables(server.url());
    ClickhouseEventSink sink(sink_of(server.url(), std::chrono::milliseconds(300)));
    take(sink.insert(batch_of(10)));
    server.stop();
    CHECK_FALSE(sink.insert(batch_of(100, 1'000)).has_value());
    server.kill();
    CHECK_FALSE(sink.present(batch_of(100, 1'000)).has_value());
    REQUIRE(server.start());
    CHECK(presence(sink, batch_of(100, 1'000)).empty());
    take(sink.insert(batch_of(100, 1'000)));
    CHECK(asked(server.url(), count_rows) == "110\t110");
}

TEST_CASE("when a node of ClickHouse is down another takes the rows", "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const std::vector<std::uint16_t> ports{qck::test::free_port(), qck::test::free_port()};
    ClickhouseServer first(ports[0], ports);
    const ClickhouseServer second(ports[1], ports);
    const std::string both = first.url() + ",127.0.0.1:" + std::to_string(second.http_port());
    SchemaOptions options;
    options.cluster = "qck_cluster";
    make_tables(both, options);

    ClickhouseEventSink to_first(sink_of(first.url()));
    take(to_first.insert(batch_of(100)));
    ClickhouseEventSink to_second(sink_of(second.url()));
    take(to_second.insert(batch_of(50, 1'000)));
    for (const std::string& url : {first.url(), second.url()}) {
        CHECK(asked(url, count_rows) == "150\t150");
        CHECK(asked(url, "SELECT sum(clicks) FROM qck_analytics.link_events_hourly") == "150");
    }
    CHECK(presence(to_second, batch_of(100)).size() == 100);

    ClickhouseEventSink sink(sink_of(both));
    first.kill();
    for (std::uint64_t n = 0; n < 4; ++n) take(sink.insert(batch_of(10, 10'000 + 100 * n)));
    CHECK(asked(second.url(), "SELECT count() FROM qck_analytics.link_events_local") == "90");
}
