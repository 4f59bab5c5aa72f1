#include <algorithm>
#include <atomic>
#include <thread>

#include "services/stores/postgres/postgres_link_store.hpp"
#include "services/stores/postgres/postgres_stats.hpp"
#include "services/stores/postgres/postgres_total_sink.hpp"
#include "tests/services/stores/link_store_contract.hpp"
#include "tests/services/stores/postgres/shared_server.hpp"

using namespace qck;
using namespace qck::postgres;
using namespace qck::test;
using namespace std::chrono_literals;
using clicks::ClickClass;
using clicks::LinkTotals;

namespace {

/// A database with a few links, their sink and their statistics.
struct Counted {
    explicit Counted(PostgresTotalSink::Options options = {}, std::size_t links_count = 4)
        : pool(quick_pool(url)), sink(pool, options), stats(pool, pool) {
        PostgresLinkStore store(pool, pool, {});
        std::vector<links::Link> wanted(links_count, link_to("https://a.example/"));
        const auto created = store.create(wanted);
        REQUIRE(created.has_value());
        for (const auto& link : *created) ids.push_back(link->id);
        std::sort(ids.begin(), ids.end());
    }

    std::uint64_t clicks(std::uint64_t id) { return stats.click_count(id)->value(); }
    void deliver(std::uint64_t node, const std::vector<LinkTotals>& links) {
        const auto lost = sink.deliver(node, links);
        if (!lost) FAIL(lost.error().message);
        CHECK(lost->lost.empty());
    }

    std::string url = with_schema(shared_server().make_database());
    Pool pool;
    PostgresTotalSink sink;
    PostgresStats stats;
    std::vector<std::uint64_t> ids;
};

LinkTotals totals(std::uint64_t id, std::uint64_t human, std::uint64_t bot = 0) {
    LinkTotals link{id, {{0, ClickClass::human, human}}, false};
    if (bot != 0) link.parts.push_back({0, ClickClass::bot, bot});
    return link;
}

PostgresTotalSink::Options two_statements(bool two) {
    PostgresTotalSink::Options options;
    options.two_statements = two;
    return options;
}

void check_exact_under_storm(PostgresTotalSink::Options options) {
    const auto seed = static_cast<std::uint64_t>(monotonic_ns());
    INFO("seed " << seed);
    constexpr std::uint64_t producers = 4;
    constexpr std::uint64_t rounds = 40;
    Counted counted(options, 30);
    std::atomic<int> failed{0};
    std::vector<std::thread> threads;
    for (std::uint64_t node = 1; node <= producers; ++node) {
        threads.emplace_back([&, node] {
            Pool pool(quick_pool(counted.url));
            PostgresTotalSink sink(pool, options);
            SplitMix64 random(seed + node);
            for (std::uint64_t round = 1; round <= rounds; ++round) {
                std::vector<LinkTotals> batch;
                for (const auto id : counted.ids) {
                    // Any order; some are left out, sent twice, or sent late as they were before.
                    const auto late = random.next() % 4 == 0 ? random.next() % round : 0;
                    if (round < rounds && random.next() % 3 == 0) continue;
                    batch.insert(batch.begin() + static_cast<std::ptrdiff_t>(random.next() %
                                                                             (batch.size() + 1)),
                                 totals(id, (round == rounds ? rounds : round - late) * 10));
                }
                if (!sink.deliver(node, batch)) ++failed;
                if (random.next() % 2 == 0 && !sink.deliver(node, batch)) ++failed;
            }
        });
    }
    threads.emplace_back([&] {  // edits lock the same links
        PostgresLinkStore store(counted.pool, counted.pool, {});
        for (int i = 0; i < 60; ++i) {
            const auto link = store.find_by_id(counted.ids[static_cast<std::size_t>(i) % 30]);
            if (!link || !*link || !store.update((*link)->code, new_target("https://b.example/")))
                ++failed;
        }
    });
    for (auto& thread : threads) thread.join();
    CHECK(failed == 0);
    for (const auto id : counted.ids) {
        CHECK(counted.clicks(id) == producers * rounds * 10);
        CHECK(counted.stats.link_totals(id)->sum() == producers * rounds * 10);
    }
}

}  // namespace

TEST_CASE("what is delivered again, late or twice is counted once", "[postgres][sink]") {
    Counted counted;
    const auto a = counted.ids[0];
    const auto b = counted.ids[1];
    counted.deliver(1, {totals(b, 5), totals(a, 10, 2)});
    CHECK(counted.clicks(a) == 12);
    counted.deliver(1, {totals(a, 10, 2)});
    counted.deliver(1, {totals(a, 7, 1)});
    CHECK(counted.clicks(a) == 12);
    counted.deliver(1, {totals(a, 13, 2)});
    counted.deliver(2, {totals(a, 100)});
    CHECK(counted.clicks(a) == 115);
    CHECK(counted.clicks(b) == 5);
    const auto read = counted.stats.link_totals(a);
    CHECK(read->by_class[static_cast<std::size_t>(ClickClass::human)] == 113);
    CHECK(read->by_class[static_cast<std::size_t>(ClickClass::bot)] == 2);
}

TEST_CASE("unknown codes and links that are gone have totals without a link", "[postgres][sink]") {
    Counted counted;
    LinkTotals unknown{0, {{3, ClickClass::unknown_code, 9}}, false};
    counted.deliver(1, {unknown, totals(12345, 4)});
    CHECK(counted.stats.link_totals(0)->sum() == 9);
    CHECK(counted.stats.link_totals(12345)->sum() == 4);
    CHECK_FALSE(counted.stats.click_count(12345)->has_value());
}

TEST_CASE("counts are exact while producers, repeats and edits race", "[postgres][sink]") {
    check_exact_under_storm({.batch_max = 8, .batch_timeout = 15s, .two_statements = false});
}

TEST_CASE("counts are exact in the two statements that Citus asks for", "[postgres][sink]") {
    check_exact_under_storm({.batch_max = 8, .batch_timeout = 15s, .two_statements = true});
}

TEST_CASE("the same batch under way twice is counted once", "[postgres][sink]") {
    // As after a timeout, when the server still works on the first attempt.
    for (const bool two : {false, true}) {
        Counted counted(two_statements(two), 200);
        std::vector<LinkTotals> batch;
        for (const auto id : counted.ids) batch.push_back(totals(id, 3));
        std::vector<std::thread> attempts;
        for (int i = 0; i < 4; ++i) {
            attempts.emplace_back([&] {
                PostgresTotalSink sink(counted.pool, two_statements(two));
                (void)sink.deliver(1, batch);
            });
        }
        for (auto& attempt : attempts) attempt.join();
        for (const auto id : counted.ids) REQUIRE(counted.clicks(id) == 3);
    }
}

TEST_CASE("a delivery of nothing new makes no new rows", "[postgres][sink]") {
    Counted counted;
    std::vector<LinkTotals> batch;
    for (const auto id : counted.ids) batch.push_back(totals(id, 1'000'000));
    counted.deliver(1, batch);
    const auto database = database_of(counted.url);
    const auto state =
        "SELECT string_agg(xmin::text || ctid::text, ',' ORDER BY link_id) FROM "
        "link_click_totals";
    const auto before = shared_server().sql(state, database);
    counted.deliver(1, batch);
    CHECK(shared_server().sql(state, database) == before);
}

TEST_CASE("totals that the server lost are noticed", "[postgres][sink]") {
    Counted counted;
    auto link = totals(counted.ids[0], 5, 1);
    counted.deliver(1, {link});
    link.delivered_before = true;
    counted.deliver(1, {link});
    link.parts.push_back({1, ClickClass::human, 2});  // a new part is no loss
    counted.deliver(1, {link});
    shared_server().sql("DELETE FROM link_click_totals", database_of(counted.url));
    const auto lost = counted.sink.deliver(1, std::vector<LinkTotals>{link});
    REQUIRE(lost.has_value());
    CHECK(lost->lost == std::vector<std::uint64_t>{counted.ids[0]});
}

TEST_CASE("a recount makes wrong counts right beside deliveries", "[postgres][sink]") {
    Counted counted;
    counted.deliver(1, {totals(counted.ids[0], 5), totals(counted.ids[1], 7)});
    shared_server().sql(
        "UPDATE links SET click_count = 0 WHERE id <> " + std::to_string(counted.ids[1]),
        database_of(counted.url));
    shared_server().sql(
        "UPDATE links SET click_count = 99 WHERE id = " + std::to_string(counted.ids[2]),
        database_of(counted.url));
    std::thread delivering([&] {
        Pool pool(quick_pool(counted.url));
        PostgresTotalSink sink(pool);
        for (std::uint64_t i = 1; i <= 100; ++i) {
            (void)sink.deliver(2, std::vector<LinkTotals>{totals(counted.ids[0], i)});
        }
    });
    for (int i = 0; i < 20; ++i) REQUIRE(counted.sink.recount(counted.ids).has_value());
    delivering.join();
    CHECK(*counted.sink.recount(counted.ids) == 0);
    CHECK(counted.clicks(counted.ids[0]) == 105);
    CHECK(counted.clicks(counted.ids[1]) == 7);
    CHECK(counted.clicks(counted.ids[2]) == 99);  // never lowered
}

TEST_CASE("a delivery through PgBouncer in transaction mode is exact", "[postgres][sink]") {
    Counted counted;
    const PgBouncer bouncer(shared_server());
    Pool pool(quick_pool(bouncer.url(database_of(counted.url))));
    for (const bool two : {false, true}) {
        PostgresTotalSink sink(pool, two_statements(two));
        for (std::uint64_t i = 1; i <= 20; ++i) {
            REQUIRE(sink.deliver(two ? 2 : 1, std::vector<LinkTotals>{totals(counted.ids[0], i)})
                        .has_value());
        }
    }
    CHECK(counted.clicks(counted.ids[0]) == 40);
}

TEST_CASE("deliveries go on after the server was killed or hung", "[postgres][sink][faults]") {
    PostgresServer server;
    const auto url = with_schema(server.url());
    Pool pool(quick_pool(url));
    PostgresLinkStore store(pool, pool, {});
    const auto id = create_one(store, link_to("https://a.example/"))->id;
    PostgresTotalSink sink(pool,
                           {.batch_max = 100, .batch_timeout = 300ms, .two_statements = false});
    PostgresStats stats(pool, pool);
    std::uint64_t total = 0;
    const auto deliver_until_taken = [&] {
        ++total;
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (!sink.deliver(1, std::vector<LinkTotals>{totals(id, total)})) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(10ms);
        }
    };
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 20; ++i) deliver_until_taken();
        std::thread delivering([&] {
            for (int i = 0; i < 200; ++i) deliver_until_taken();
        });
        if (round == 1) {
            server.hang();
            std::this_thread::sleep_for(500ms);
            server.go_on();
        } else {
            server.kill();
            server.start();
        }
        delivering.join();
    }
    CHECK(stats.click_count(id)->value() == total);
}

TEST_CASE("statistics of a link are an index-only scan", "[postgres][stats]") {
    Counted counted;
    std::vector<LinkTotals> batch;
    for (std::uint64_t id = 1; id <= 5000; ++id) batch.push_back(totals(id, id, 1));
    counted.deliver(1, batch);
    const auto database = database_of(counted.url);
    shared_server().sql("VACUUM ANALYZE link_click_totals", database);
    const auto plan = shared_server().sql(
        "EXPLAIN (ANALYZE) SELECT class, sum(total)::bigint FROM link_click_totals"
        " WHERE link_id = 77 GROUP BY class",
        database);
    INFO(plan);
    CHECK(contains(plan, "Index Only Scan using link_click_totals_pkey"));
    CHECK(contains(plan, "Heap Fetches: 0"));
}
