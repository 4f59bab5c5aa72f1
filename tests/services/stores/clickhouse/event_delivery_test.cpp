// Journal, delivery and a real clickhouse-server, with what can befall the latter.
#include "services/clicks/event_delivery.hpp"

#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "services/clicks/country_code.hpp"
#include "services/clicks/data_directory.hpp"
#include "tests/services/stores/clickhouse/clickhouse_fixture.hpp"
#include "tests/support/eventually.hpp"

using namespace qck;
using namespace qck::clickhouse;
using namespace qck::clickhouse::test;
using namespace std::chrono_literals;
using qck::test::within;

namespace {

constexpr const char* agent_text =
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";

/// One start of a service, as far as events go.
struct Service {
    explicit Service(const std::filesystem::path& path, const std::string& url,
                     clicks::EventDeliveryConfig config = {})
        : directory(take(clicks::DataDirectory::open(path, "test"))),
          journal(take(clicks::Journal::open(*directory, journal_config()))),
          sink(sink_of(url, 500ms)) {
        config.poll_every = 2ms;
        config.age_max = 2ms;
        delivery = take(clicks::EventDelivery::start(*journal, sink, std::move(config)));
    }
    static clicks::JournalConfig journal_config() {
        clicks::JournalConfig config;
        config.shards = 2;
        config.segment_bytes = clicks::segment_bytes_min;
        return config;
    }

    void append(std::uint64_t count, std::uint64_t links = 10) {
        for (std::uint64_t n = 0; n < count; ++n) {
            auto& shard = journal->shard(static_cast<std::uint16_t>(n % 2));
            clicks::Click click;
            click.link_id = 1 + n % links;
            click.time_ms = 1'780'000'000'000 + static_cast<std::int64_t>(n);
            click.country = clicks::country_code("DE");
            click.user_agent = shard.user_agent(agent_text).id;
            click.referrer = shard.referrer("https://a.example/" + std::to_string(n % 20));
            REQUIRE(shard.append(click));
        }
    }

    std::unique_ptr<clicks::DataDirectory> directory;
    std::unique_ptr<clicks::Journal> journal;
    ClickhouseEventSink sink;
    std::unique_ptr<clicks::EventDelivery> delivery;
};

/// Rows, distinct event ids and the sum of weights: all the same when nothing is lost or doubled.
std::string exact(std::uint64_t clicks) {
    const std::string count = std::to_string(clicks);
    return count + "\t" + count + "\t" + count;
}
std::string stored(const std::string& url) {
    return asked(url,
                 "SELECT count(), uniqExact(node, shard, epoch, sequence), sum(clicks) FROM "
                 "qck_analytics.link_events");
}

}  // namespace

TEST_CASE("clicks of a journal come to ClickHouse with their strings, links and countries",
          "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    const qck::test::TemporaryDirectory directory;
    clicks::EventDeliveryConfig config;
    std::atomic<std::uint64_t> links_asked = 0;
    config.resolve = [&](std::span<const std::uint64_t> ids) {
        links_asked += ids.size();
        std::vector<clicks::LinkFacts> facts;
        for (const auto id : ids) facts.push_back({"c" + std::to_string(id), 1000 + id});
        return facts;
    };
    config.place = [](const clicks::StoredIp&, clicks::Place&) { return false; };
    std::uint64_t written = 0;
    for (int life = 0; life < 2; ++life) {
        Service service(directory.path(), server.url(), config);
        for (int n = 0; n < 3; ++n) {
            service.append(2'000);
            written += 2'000;
            REQUIRE(service.delivery->flush(30s));
            CHECK(stored(server.url()) == exact(written));
        }
        CHECK(service.delivery->figures().asks == 0);
        for (const auto& cursor : service.delivery->cursors()) CHECK(cursor.at.epoch > 0);
    }
    CHECK(links_asked == 20);  // once a life and link
    CHECK(asked(server.url(),
                "SELECT DISTINCT short_code, user_id, country, browser, os, device FROM "
                "qck_analytics.link_events WHERE link_id = 3") ==
          "c3\t1003\tDE\tFirefox\tLinux\tdesktop");
    CHECK(asked(server.url(),
                "SELECT uniqExact(referrer), count() FROM qck_analytics.link_events "
                "WHERE referrer LIKE 'https://a.example/%'") == "20\t12000");
}

TEST_CASE("kill -9 of ClickHouse while it inserts loses and doubles nothing",
          "[clickhouse][integration][faults]") {
    NEEDS_CLICKHOUSE();
    ClickhouseServer server;
    make_tables(server.url());
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path(), server.url());
    SplitMix64 random(std::random_device{}());
    std::uint64_t written = 0;
    for (int kill = 0; kill < 5; ++kill) {
        const auto before = service.delivery->figures().batches;
        const auto until = std::chrono::steady_clock::now() + 2s;
        const auto batches = 1 + random.next() % 6;
        while (service.delivery->figures().batches < before + batches &&
               std::chrono::steady_clock::now() < until) {
            service.append(500);
            written += 500;
            std::this_thread::sleep_for(1ms);
        }
        server.kill();
        service.append(500);
        written += 500;
        REQUIRE(server.start());
    }
    REQUIRE(service.delivery->flush(60s));
    CHECK(stored(server.url()) == exact(written));
    CHECK(service.delivery->figures().failures > 0);
}

TEST_CASE("a ClickHouse that hangs, and a qck that is restarted meanwhile, double nothing",
          "[clickhouse][integration][faults]") {
    NEEDS_CLICKHOUSE();
    ClickhouseServer server;
    make_tables(server.url());
    const qck::test::TemporaryDirectory directory;
    {
        Service service(directory.path(), server.url());
        service.append(1'000);
        REQUIRE(service.delivery->flush(30s));
        server.stop();
        service.append(1'000);
        REQUIRE(within(20s, [&] { return service.delivery->figures().failures >= 2; }));
        service.delivery->stop(0ms);
    }
    // The insert of the life before lies in the socket of the server yet.
    Service service(directory.path(), server.url());
    service.append(1'000);
    REQUIRE(within(20s, [&] { return service.delivery->figures().failures >= 1; }));
    server.go_on();
    REQUIRE(service.delivery->flush(60s));
    CHECK(stored(server.url()) == exact(3'000));
    CHECK(service.delivery->figures().rows_found_there == 1'000);
}

TEST_CASE("a table that was dropped is filled again from the journal",
          "[clickhouse][integration][faults]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path(), server.url());
    service.append(5'000);
    REQUIRE(service.delivery->flush(30s));
    asked(server.url(), "DROP TABLE qck_analytics.link_events_local");
    service.append(100);
    REQUIRE(within(20s, [&] { return service.delivery->figures().failures >= 1; }));
    make_tables(server.url());
    REQUIRE(service.delivery->flush(30s));
    CHECK(stored(server.url()) == exact(100));
    service.delivery->resend_all();
    REQUIRE(service.delivery->flush(60s));
    REQUIRE(within(60s, [&] { return !service.delivery->figures().resending; }));
    CHECK(stored(server.url()) == exact(5'100));
}

TEST_CASE("what ClickHouse has not acknowledged is pending, over restarts, until it has it",
          "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    ClickhouseServer server;
    make_tables(server.url());
    const qck::test::TemporaryDirectory directory;
    // A little more than the clicks, by the strings between them.
    const auto about = [](std::uint64_t pending, std::uint64_t clicks) {
        INFO(pending << " pending of " << clicks);
        CHECK(pending >= clicks);
        CHECK(pending <= clicks + clicks / 10);
    };
    {
        Service service(directory.path(), server.url());
        service.append(1'000);
        REQUIRE(service.delivery->flush(30s));
        CHECK(service.delivery->figures().clicks_pending == 0);
        server.kill();
        service.append(6'000);
        about(service.delivery->figures().clicks_pending, 6'000);
        CHECK(within(30s, [&] { return service.delivery->figures().failures > 0; }));
        about(service.delivery->figures().clicks_pending, 6'000);
    }
    Service service(directory.path(), server.url());
    service.append(3'000);
    CHECK(service.delivery->figures().clicks_pending >= 9'000);
    server.start();
    REQUIRE(service.delivery->flush(60s));
    CHECK(within(30s, [&] { return service.delivery->figures().clicks_pending == 0; }));
    CHECK(stored(server.url()) == exact(10'000));
}

TEST_CASE("rows of a link in a burst wait in the journal and come when it is over",
          "[clickhouse][integration]") {
    NEEDS_CLICKHOUSE();
    const ClickhouseServer server;
    make_tables(server.url());
    const qck::test::TemporaryDirectory directory;
    std::mutex mutex;
    std::vector<std::uint64_t> bursting{3, 7};
    clicks::EventDeliveryConfig config;
    config.deferred_links = [&] {
        const std::lock_guard lock(mutex);
        return bursting;
    };
    {
        Service service(directory.path(), server.url(), config);
        service.append(5'000);
        REQUIRE(service.delivery->flush(30s));
        CHECK(stored(server.url()) == exact(4'000));
        CHECK(service.delivery->figures().deferred_stretches > 0);
        CHECK(service.delivery->figures().clicks_pending >= 1'000);
        const auto needed = service.delivery->cursors();
        CHECK(std::all_of(needed.begin(), needed.end(),
                          [](const auto& each) { return each.at.segment == 0; }));
    }
    Service service(directory.path(), server.url(), config);
    service.append(5'000);
    REQUIRE(service.delivery->flush(30s));
    CHECK(stored(server.url()) == exact(8'000));
    {
        const std::lock_guard lock(mutex);
        bursting.clear();
    }
    CHECK(within(30s, [&] { return stored(server.url()) == exact(10'000); }));
    CHECK(within(30s, [&] { return service.delivery->figures().deferred_stretches == 0; }));
    CHECK(within(30s, [&] { return service.delivery->figures().clicks_pending == 0; }));
}
