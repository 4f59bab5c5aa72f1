#include "services/clicks/click_counting.hpp"

#include <atomic>
#include <thread>

#include "services/analytics/click_analytics.hpp"
#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

TEST_CASE("appended clicks reach the store once, by link, class and hour", "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    auto& shard = service.journal->shard(0);
    constexpr std::int64_t hour = 3'600'000;
    for (int n = 0; n < 5000; ++n) {
        REQUIRE(shard.append(click_on(7, n % 5 == 0 ? ClickClass::bot : ClickClass::human,
                                      some_time_ms + (n % 2) * hour)));
        REQUIRE(shard.append(click_on(8)));
    }
    service.flush();
    CHECK(service.stored(7) == 5000);
    CHECK(service.stored(8) == 5000);
    analytics::ClickAnalytics analytics(*service.counting);
    const auto stats = take(analytics.link_stats(7, some_time_ms + 2 * hour));
    CHECK(stats.clicks == 5000);
    CHECK(stats.by_class.by_class[static_cast<std::size_t>(ClickClass::bot)] == 1000);
    REQUIRE(stats.hours.size() == 2);
    CHECK(stats.hours[0].clicks == 2500);
    CHECK(stats.hours[1].start_ms - stats.hours[0].start_ms == hour);
    CHECK(service.counting->figures().lag_records == 0);
}

TEST_CASE("counts are seen before they are flushed, and never twice", "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    auto config = quick_counting();
    config.flush_every = 20ms;
    Service service(directory.path(), small_journal(), config);
    auto& shard = service.journal->shard(0);
    std::atomic<std::uint64_t> appended{0};
    std::atomic<bool> done{false};
    std::thread writer([&] {
        for (int n = 0; n < 200'000; ++n) {
            if (!shard.append(click_on(1 + n % 3))) break;
            appended = static_cast<std::uint64_t>(n + 1);
        }
        done = true;
    });
    std::uint64_t seen = 0;
    while (!done) {
        const std::uint64_t now = take(service.counting->link_totals(1)).sum();
        CHECK(now >= seen);
        CHECK(now <= (appended + 3) / 3 + 1);
        seen = now;
    }
    writer.join();
    service.flush();
    CHECK(take(service.counting->link_totals(1)).sum() == 66'667);
}

TEST_CASE("events are summed by type and hour", "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    auto& shard = service.journal->shard(0);
    std::int64_t sum = 0;
    for (int n = 1; n <= 1000; ++n) {
        Event event;
        event.key = {1, static_cast<std::uint64_t>(n)};
        event.time_ms = some_time_ms;
        event.type = n % 4 == 0 ? "view" : "purchase";
        event.has_amount = n % 4 != 0;
        event.amount_micros = n * 1'250'000;
        if (event.has_amount) sum += event.amount_micros;
        REQUIRE(shard.append(event));
        if (n == 500) service.flush();
    }
    service.flush();
    analytics::ClickAnalytics analytics(*service.counting);
    analytics::EventQuery query;
    query.until_ms = some_time_ms + 1;
    const auto rows = take(analytics.events(query));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].type == "purchase");
    CHECK(rows[0].count == 750);
    CHECK(format_amount(rows[0].sum) == format_amount({0, sum}));
    CHECK(format_amount(rows[0].min) == "1.25");
    CHECK(format_amount(rows[0].max) == "1248.75");
    CHECK(rows[1].count == 250);
    CHECK(rows[1].amounts == 0);
    query.type = "view";
    query.granularity = analytics::Granularity::total;
    CHECK(take(analytics.events(query)).size() == 1);
}

TEST_CASE("more event types than an answer may hold are refused, not answered",
          "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    for (std::size_t n = 0; n <= ClickStore::event_rows_max; ++n) {
        Event event;
        event.key = {1, n};
        event.time_ms = some_time_ms;
        const std::string type = "t" + std::to_string(n);
        event.type = type;
        REQUIRE(service.journal->shard(0).append(event));
    }
    service.flush();
    analytics::ClickAnalytics analytics(*service.counting);
    analytics::EventQuery query;
    query.until_ms = some_time_ms + 1;
    const auto refused = analytics.events(query);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::invalid_argument);
    CHECK(refused.error().message ==
          "that is more than 50,000 hours and types: narrow since and until, or name a type");
    query.type = "t7";
    CHECK(take(analytics.events(query)).size() == 1);
}

TEST_CASE("a start counts what the last one did not, and nothing again", "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    std::uint64_t appended = 0;
    for (int start = 0; start < 4; ++start) {
        // More threads in some runs: the shards of the others are counted as well.
        Service service(directory.path(), small_journal(start % 2 == 0 ? 3 : 1));
        for (int n = 0; n < 3000; ++n) {
            REQUIRE(service.journal->shard(start % 2 == 0 ? n % 3 : 0).append(click_on(5)));
            ++appended;
        }
        if (start == 1) service.counting->stop(0ms);
    }
    Service service(directory.path());
    service.flush();
    CHECK(service.stored(5) == appended);
    CHECK(service.counting->figures().corrupt_places == 0);
}

TEST_CASE("a lost database is made anew from checkpoint and segments", "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    auto config = quick_counting();
    config.checkpoint_records = 1000;
    {
        Service service(directory.path(), small_journal(2), config);
        for (int n = 0; n < 20'000; ++n)
            REQUIRE(service.journal->shard(n % 2).append(click_on(1 + n % 10)));
        service.flush();
    }
    for (const char* name : {"clicks.db", "clicks.db-wal", "clicks.db-shm"}) {
        std::filesystem::remove(directory.path() / name);
    }
    Service service(directory.path(), small_journal(2), config);
    REQUIRE(service.journal->shard(0).append(click_on(1)));
    service.flush();
    CHECK(service.stored(1) == 2001);
    CHECK(service.stored(2) == 2000);
    const auto hours = take(service.counting->link_hours(2, 0, UINT32_MAX));
    REQUIRE(hours.size() == 1);
    CHECK(hours[0].clicks.sum() == 2000);
}

TEST_CASE("segments go when the store and a checkpoint have them", "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    auto config = quick_counting();
    config.keep.bytes = 4 * segment_bytes_min;
    {
        Service service(directory.path(), small_journal(), config);
        for (int n = 0; n < 30'000; ++n) REQUIRE(service.journal->shard(0).append(click_on(3)));
        service.flush();
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (take(list_segments(directory.path() / "journal", 0)).size() > 5) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(10ms);
        }
        CHECK(service.counting->figures().checkpoints > 0);
    }
    for (const char* name : {"clicks.db", "clicks.db-wal", "clicks.db-shm"}) {
        std::filesystem::remove(directory.path() / name);
    }
    Service service(directory.path(), small_journal(), config);
    service.flush();
    CHECK(service.stored(3) == 30'000);
}
