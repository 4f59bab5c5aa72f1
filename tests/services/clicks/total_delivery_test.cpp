// A delivery beside a real journal, local store and counting thread.
#include "services/clicks/total_delivery.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "base/whole_file.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

using qck::test::eventually;

namespace {

using TotalKey = std::tuple<std::uint64_t, std::uint16_t, ClickClass>;  ///< link, shard, class
using Totals = std::map<TotalKey, std::uint64_t>;

/// Takes the larger of old and new; fails on command.
struct MemorySink final : TotalSink {
    std::string_view name() const override { return "memory"; }
    Result<Taken> deliver(std::uint64_t, std::span<const LinkTotals> links) override {
        const std::lock_guard lock(mutex);
        if (down) return error(Errc::unavailable, "the sink is down");
        Taken taken;
        for (const auto& link : links) {
            if (odd_down && link.link_id % 2 == 1) {
                taken.untaken.push_back(link.link_id);
                taken.why = "that part is down";
                continue;
            }
            for (const auto& part : link.parts) {
                auto& total = totals[{link.link_id, part.shard, part.click_class}];
                total = std::max(total, part.total);
            }
            first_given.try_emplace(link.link_id, given++);
        }
        if (taken.untaken.size() == links.size()) return error(Errc::unavailable, taken.why);
        return taken;
    }
    std::uint64_t total_of(std::uint64_t link) {
        const std::lock_guard lock(mutex);
        std::uint64_t sum = 0;
        for (const auto& [key, total] : totals) sum += std::get<0>(key) == link ? total : 0;
        return sum;
    }
    Result<std::string> incarnation() override {
        const std::lock_guard lock(mutex);
        if (down) return error(Errc::unavailable, "the sink is down");
        return name_of_content;
    }
    /// It forgets everything, and may tell by another name.
    void forget(const std::string& new_name) {
        const std::lock_guard lock(mutex);
        totals.clear();
        first_given.clear();
        name_of_content = new_name;
    }
    std::mutex mutex;
    bool down = false;
    bool odd_down = false;  ///< the part of it that has links of odd ids
    std::string name_of_content = "first";
    Totals totals;
    std::uint64_t given = 0;
    std::map<std::uint64_t, std::uint64_t> first_given;  ///< since it forgot, by link: its turn
};

/// A delivery beside a real journal, store and counting thread.
struct Delivering {
    Delivering(const std::filesystem::path& path, TotalSink& sink,
               std::uint32_t walk_links_per_s = 25'000,
               std::function<bool(std::uint64_t)> suppressed = {})
        : directory(take(DataDirectory::open(path, "test"))),
          journal(take(Journal::open(*directory, small_journal()))),
          store(take(sqlite::SqliteClickStore::open(directory->clicks_database(),
                                                    directory->identity().node))),
          touched(touched_links(*directory)),
          position(position_file(*directory, "memory", "here")) {
        TotalDeliveryConfig config;
        config.every = 2ms;
        config.save_every = 0ms;
        config.ask_every = 5ms;
        config.walk_links_per_s = walk_links_per_s;
        config.backoff = {1ms, 5ms};
        config.suppressed = std::move(suppressed);
        delivery = std::make_unique<TotalDelivery>(
            TotalDelivery::Parts{*store, sink, *touched, *position, breaker,
                                 directory->identity().node},
            config);
        auto counting_config = quick_counting();
        counting_config.observers = {delivery.get()};
        counting = take(ClickCounting::start(*journal, *store, counting_config));
        delivery->start();
    }
    ~Delivering() {
        counting.reset();
        delivery->stop(5s);
    }
    void click(std::uint64_t link, int times) {
        for (int n = 0; n < times; ++n) REQUIRE(journal->shard(0).append(click_on(link)));
    }

    std::unique_ptr<DataDirectory> directory;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<sqlite::SqliteClickStore> store;
    std::unique_ptr<TouchedLinks> touched;
    std::unique_ptr<PositionFile> position;
    CircuitBreaker breaker{{0, 60s}};
    std::unique_ptr<TotalDelivery> delivery;
    std::unique_ptr<ClickCounting> counting;
};

}  // namespace

TEST_CASE("clicks reach a sink while it works, wait while it is down, and cross restarts",
          "[clicks][delivery]") {
    const qck::test::SilentLog silent;
    const qck::test::TemporaryDirectory directory;
    MemorySink sink;
    {
        Delivering service(directory.path(), sink);
        service.click(1, 1000);
        service.click(2, 10);
        CHECK(eventually([&] { return sink.total_of(1) == 1000 && sink.total_of(2) == 10; }));
        CHECK(eventually([&] { return service.delivery->figures().lag_seconds == 0; }));
        {
            const std::lock_guard lock(sink.mutex);
            sink.down = true;
        }
        service.click(2, 5);
        service.click(3, 7);
        CHECK(eventually([&] { return service.delivery->figures().failures > 2; }));
        CHECK(service.delivery->figures().failing == "the sink is down");
        CHECK(service.delivery->figures().next_try_ns != 0);
        CHECK(service.delivery->figures().links_pending > 0);
        CHECK(service.delivery->figures().lag_seconds > 0);
    }
    sink.down = false;
    sink.given = 0;
    {
        Delivering service(directory.path(), sink);
        CHECK(eventually([&] { return sink.total_of(2) == 15 && sink.total_of(3) == 7; }));
        CHECK(eventually([&] { return service.delivery->figures().lag_seconds == 0; }));
        // Read from the journal, and no more than needed: link 1 was delivered by the last start.
        CHECK(service.delivery->figures().walks == 0);
        CHECK(service.delivery->figures().next_try_ns == 0);
        CHECK(sink.given == 2);
        // The sink forgets everything, and is given everything.
        {
            const std::lock_guard lock(sink.mutex);
            sink.totals.clear();
        }
        service.delivery->mark_all();
        CHECK(eventually([&] { return sink.total_of(1) == 1000 && sink.total_of(3) == 7; }));
        {
            const std::lock_guard lock(sink.mutex);
            sink.totals.clear();
        }
        service.delivery->mark(3);
        CHECK(eventually([&] { return sink.total_of(3) == 7; }));
        CHECK(sink.total_of(1) == 0);
    }
}

TEST_CASE("links that a sink in part out of reach takes do not wait for the others",
          "[clicks][delivery]") {
    const qck::test::SilentLog silent;
    const qck::test::TemporaryDirectory directory;
    MemorySink sink;
    const auto set_odd_down = [&](bool down) {
        const std::lock_guard lock(sink.mutex);
        sink.odd_down = down;
    };
    set_odd_down(true);
    {
        Delivering service(directory.path(), sink);
        // More than one task gives, of which the first would be the first again and again.
        for (std::uint64_t link = 1; link <= 12'000; ++link) service.click(link, 1);
        const auto even = [&] {
            for (std::uint64_t link = 2; link <= 12'000; link += 2) {
                if (sink.totals.count({link, 0, ClickClass::human}) == 0) return false;
            }
            return true;
        };
        CHECK(eventually([&] {
            const std::lock_guard lock(sink.mutex);
            return even();
        }));
        service.click(2, 5);
        CHECK(eventually([&] { return sink.total_of(2) == 6; }));
        CHECK(sink.total_of(1) == 0);
        CHECK(service.delivery->figures().failures > 0);
        CHECK(service.delivery->figures().lag_seconds > 0);
        CHECK(service.delivery->figures().links_pending >= 6'000);
        set_odd_down(false);
        CHECK(eventually([&] { return service.delivery->figures().links_pending == 0; }));
        CHECK(sink.total_of(1) == 1);
        CHECK(sink.total_of(11'999) == 1);
        CHECK(eventually([&] { return service.delivery->figures().lag_seconds == 0; }));
        // So it is when everything is given again.
        set_odd_down(true);
        sink.forget("second");
        service.click(4, 1);
        CHECK(eventually([&] { return sink.total_of(4) == 2; }));
        service.click(1, 1);
        CHECK(eventually([&] { return service.delivery->figures().failures > 5; }));
    }
    // What was not taken is known after a restart.
    set_odd_down(false);
    Delivering service(directory.path(), sink);
    CHECK(eventually([&] { return sink.total_of(1) == 2 && sink.total_of(11'999) == 1; }));
}

TEST_CASE("a sink that lost what it had is given everything, whether it said so or not",
          "[clicks][delivery][P3]") {
    const qck::test::SilentLog silent;
    const qck::test::TemporaryDirectory directory;
    MemorySink sink;
    {
        Delivering service(directory.path(), sink);
        service.click(1, 10);
        service.click(2, 20);
        CHECK(eventually([&] { return sink.total_of(1) == 10 && sink.total_of(2) == 20; }));
        // Nobody clicks, and nobody tells: the name alone says it.
        sink.forget("second");
        CHECK(eventually([&] { return sink.total_of(1) == 10 && sink.total_of(2) == 20; }));
        CHECK(eventually([&] { return service.delivery->figures().links_pending == 0; }));
    }
    // While the instance was away.
    sink.forget("third");
    Delivering service(directory.path(), sink);
    CHECK(eventually([&] { return sink.total_of(1) == 10 && sink.total_of(2) == 20; }));
}

TEST_CASE("clicks are delivered at once while everything is given again at leisure",
          "[clicks][delivery]") {
    const qck::test::SilentLog silent;
    const qck::test::TemporaryDirectory directory;
    MemorySink sink;
    // 20,000 links at 4,000 a second: five seconds.
    Delivering service(directory.path(), sink, 4'000);
    for (std::uint64_t link = 1; link <= 20'000; ++link) service.click(link, 1);
    const auto given = [&] {
        const std::lock_guard lock(sink.mutex);
        return sink.totals.size();
    };
    CHECK(eventually([&] { return given() == 20'000; }));
    CHECK(eventually([&] { return service.delivery->figures().links_pending == 0; }));
    sink.forget("second");
    CHECK(eventually([&] { return sink.total_of(1) == 1; }));
    service.click(20'000, 1);
    CHECK(eventually([&] { return sink.total_of(20'000) == 2; }));
    CHECK(qck::test::within(std::chrono::seconds(60), [&] { return sink.total_of(19'999) == 1; }));
    const std::lock_guard lock(sink.mutex);
    CHECK(sink.first_given.at(20'000) < sink.first_given.at(19'999));
}

TEST_CASE("what is suppressed is owed, and everything else is delivered up to a place",
          "[clicks][delivery]") {
    const std::vector<ProducerCursor> begin{{0, {1, 0, 0}}};
    const std::vector<ProducerCursor> end{{0, {1, 0, 96}}};
    const auto burst = [](std::uint64_t link) { return link == 2; };
    OwedTotals owed({}, DeliveryPosition{begin, {}});
    owed.began(begin, 1);
    CHECK(owed.delivered_until(begin, burst));
    CountBatch batch;
    batch.clicks = {{1, 0, 0, ClickClass::human, 1}, {2, 0, 0, ClickClass::human, 1}};
    owed.landed(batch, end, 2);
    CHECK(owed.delivered_until(begin, burst));
    CHECK_FALSE(owed.delivered_until(end, burst));
    const auto task = owed.next(burst);
    REQUIRE(task.links == std::vector<std::uint64_t>{1});
    owed.sent(task.links);
    CHECK(owed.next(burst).kind == OwedTotals::Task::Kind::nothing);
    CHECK(owed.delivered_until(end, burst));
    CHECK(owed.owed() == std::vector<std::uint64_t>{2});
    CHECK_FALSE(owed.delivered_until(end, {}));  // the burst is over
    owed.mark_all();
    CHECK_FALSE(owed.delivered_until({}, burst));
}

TEST_CASE("what a burst keeps from a sink is delivered when the service ends",
          "[clicks][delivery]") {
    const qck::test::TemporaryDirectory directory;
    MemorySink sink;
    {
        Delivering service(directory.path(), sink, 25'000,
                           [](std::uint64_t link) { return link == 2; });
        service.click(1, 3);
        service.click(2, 5);
        REQUIRE(eventually([&] { return sink.total_of(1) == 3; }));
        REQUIRE(eventually(
            [&] { return service.delivery->held_back() == std::vector<std::uint64_t>{2}; }));
        CHECK(sink.total_of(2) == 0);
    }
    CHECK(sink.total_of(2) == 5);
}

TEST_CASE("a delivery whose journal is gone gives every link again", "[clicks][delivery]") {
    const qck::test::SilentLog silent;
    const qck::test::TemporaryDirectory directory;
    const auto position = directory.path() / "delivery" / "memory.cursor";
    const auto kept = directory.path() / "kept.cursor";
    MemorySink sink;
    {
        Delivering service(directory.path(), sink);
        service.click(1, 100);
        CHECK(eventually([&] { return sink.total_of(1) == 100; }));
        CHECK(eventually([&] { return std::filesystem::exists(position); }));
        {
            const std::lock_guard lock(sink.mutex);
            sink.down = true;
        }
        std::filesystem::copy_file(position, kept);
        service.click(2, 5000);
        REQUIRE(service.counting->flush(20s));
    }
    // Nor does the position name what is owed: it was not written before the end.
    std::filesystem::rename(kept, position);
    std::filesystem::remove_all(directory.path() / "journal" / "0");
    sink.down = false;
    Delivering service(directory.path(), sink);
    CHECK(eventually([&] { return sink.total_of(2) == 5000; }));
    CHECK(service.delivery->figures().walks > 0);
}

TEST_CASE("the position of another store, or a damaged one, is not used", "[clicks][delivery]") {
    const qck::test::SilentLog silent;
    const qck::test::TemporaryDirectory path;
    const auto directory = take(DataDirectory::open(path.path(), "test"));
    const DeliveryPosition position{{{3, {1, 2, 64}}}, {7, 9}, "qck:run=ab/cd"};
    const auto file = position_file(*directory, "redis", "10.0.0.5:6379");
    CHECK_FALSE(file->load());
    REQUIRE(file->save(position).has_value());
    const auto loaded = file->load();
    REQUIRE(loaded);
    REQUIRE(loaded->cursors.size() == 1);
    CHECK(loaded->cursors[0].at == Cursor{1, 2, 64});
    CHECK(loaded->owed == position.owed);
    CHECK(loaded->incarnation == position.incarnation);
    CHECK_FALSE(position_file(*directory, "redis", "10.0.0.6:6379")->load());
    CHECK_FALSE(position_file(*directory, "postgres", "10.0.0.5:6379")->load());
    REQUIRE(file->save({}).has_value());
    CHECK_FALSE(file->load());
    const auto name = (path.path() / "delivery" / "redis.cursor").string();
    REQUIRE(write_whole_file(name, "{\"node\": 1").has_value());
    CHECK_FALSE(file->load());
}

TEST_CASE("totals of many links are read at one instant, in order", "[clicks][delivery]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path(), small_journal(2));
    for (int n = 0; n < 60; ++n) {
        REQUIRE(service.journal->shard(n % 2).append(click_on(
            static_cast<std::uint64_t>(n % 3), n < 30 ? ClickClass::human : ClickClass::bot)));
    }
    service.flush();
    const std::vector<std::uint64_t> asked{2, 0, 77};
    const auto rows = take(service.store->totals_of(asked)).value;
    REQUIRE(rows.size() == 8);
    CHECK(rows[0].link_id == 0);
    CHECK(rows[0].total == 5);
    CHECK(rows[4].link_id == 2);
    CHECK(rows[7].shard == 1);
    CHECK(rows[7].click_class == ClickClass::bot);
    const auto first = take(service.store->totals_after(std::nullopt, 2)).value;
    REQUIRE(first.size() == 8);
    CHECK(first.back().link_id == 1);
    CHECK(take(service.store->totals_after(1, 2)).value.size() == 4);
    CHECK(take(service.store->totals_after(2, 2)).value.empty());
}

namespace {

struct Holder final : SegmentHolder {
    std::vector<ProducerCursor> held_from() const override { return {{0, Cursor{1, at, 0}}}; }
    std::atomic<std::uint32_t> at{2};
};

}  // namespace

TEST_CASE("a segment that somebody still needs stays", "[clicks][delivery]") {
    const qck::test::TemporaryDirectory directory;
    Holder holder;
    auto config = quick_counting();
    config.keep.bytes = 2 * segment_bytes_min;
    config.holders = {&holder};
    Service service(directory.path(), small_journal(), config);
    for (int n = 0; n < 30'000; ++n) REQUIRE(service.journal->shard(0).append(click_on(3)));
    service.flush();
    const auto first = [&] {
        return take(list_segments(directory.path() / "journal", 0))[0].number;
    };
    CHECK(eventually([&] { return first() == 2; }));
    holder.at = 4;
    CHECK(eventually([&] { return first() == 4; }));
}
