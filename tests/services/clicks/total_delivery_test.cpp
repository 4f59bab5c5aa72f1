// Totals reach a shared store exactly, whatever is lost, late, repeated or half done on the way.
#include "services/clicks/total_delivery.hpp"

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/whole_file.hpp"
#include "services/clicks/segment_retention.hpp"
#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

namespace {

using TotalKey = std::tuple<std::uint64_t, std::uint16_t, ClickClass>;  ///< link, shard, class
using Totals = std::map<TotalKey, std::uint64_t>;

constexpr std::uint64_t node = 77;

/// A journal of records, a local store that has a prefix of it, and a sink: all as far as a
/// delivery sees them, with faults from one source of randomness.
struct World final : ClickStore, TotalSink, TouchedLinks, PositionFile {
    struct Record {
        std::uint64_t link;
        ClickClass click_class;
    };

    explicit World(std::uint64_t seed) : random(seed) {}

    std::uint64_t below(std::uint64_t bound) { return random.next() % bound; }
    bool happens(unsigned percent) { return faults && below(100) < percent; }

    // The store.
    Result<Reading<std::vector<ProducerCursor>>> cursors() override {
        return error(Errc::internal, "not asked");
    }
    Result<void> apply(const CountBatch&) override { return error(Errc::internal, "not asked"); }
    Result<void> raise(const std::vector<ProducerCursor>&, const TotalSource&, const HourSource&,
                       bool) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<ClassTotals>> link_totals(std::uint64_t) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<std::vector<HourCount>>> link_hours(std::uint64_t, std::uint32_t,
                                                       std::uint32_t) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<std::vector<EventCount>>> event_hours(std::string_view, std::uint32_t,
                                                         std::uint32_t) override {
        return error(Errc::internal, "not asked");
    }
    Result<std::vector<ProducerCursor>> each_total(
        const std::function<Result<void>(const ProducerTotal&)>&) override {
        return error(Errc::internal, "not asked");
    }
    Result<Reading<std::vector<ProducerTotal>>> totals_of(
        std::span<const std::uint64_t> links) override {
        if (happens(3)) return error(Errc::unavailable, "busy");
        const std::set<std::uint64_t> wanted(links.begin(), links.end());
        Reading<std::vector<ProducerTotal>> reading{{}, revision};
        for (const auto& [key, total] : local) {
            const auto& [link, shard, click_class] = key;
            if (wanted.count(link) > 0) reading.value.push_back({link, shard, click_class, total});
        }
        return reading;
    }
    Result<Reading<std::vector<ProducerTotal>>> totals_after(std::optional<std::uint64_t> after,
                                                             std::size_t links_max) override {
        if (happens(3)) return error(Errc::unavailable, "busy");
        ++walk_parts;
        std::set<std::uint64_t> seen;
        Reading<std::vector<ProducerTotal>> reading{{}, revision};
        for (const auto& [key, total] : local) {
            const auto& [link, shard, click_class] = key;
            if (after && link <= *after) continue;
            seen.insert(link);
            if (seen.size() > links_max) break;
            reading.value.push_back({link, shard, click_class, total});
        }
        return reading;
    }

    // The sink.
    std::string_view name() const override { return "simulated"; }
    Result<std::vector<std::uint64_t>> deliver(std::uint64_t from,
                                               std::span<const LinkTotals> links) override {
        CHECK(from == node);
        if (happens(10)) return error(Errc::unavailable, "refused");
        std::vector<std::uint64_t> lost;
        std::size_t take = links.size();
        const bool half = happens(10);
        if (half) take = below(links.size() + 1);
        for (std::size_t i = 0; i < take; ++i) {
            bool known = false;
            for (const auto& part : links[i].parts) {
                const TotalKey key{links[i].link_id, part.shard, part.click_class};
                known = known || remote.count(key) > 0;
                remote[key] = std::max(remote[key], part.total);
            }
            if (!known && links[i].delivered_before) lost.push_back(links[i].link_id);
        }
        // A late repetition of what was sent long ago must not lower anything.
        for (const auto& [key, total] : late) remote[key] = std::max(remote[key], total);
        late.clear();
        if (happens(20)) {
            for (const auto& part : links[0].parts) {
                late[{links[0].link_id, part.shard, part.click_class}] = part.total;
            }
        }
        if (half || happens(10)) return error(Errc::timed_out, "the reply was lost");
        for (const auto link : lost) {
            INFO("link " << link);
            CHECK(dropped.count(link) > 0);  // no false alarm
            dropped.erase(link);
        }
        // Of a link that was dropped and given again nothing can be missed any more.
        for (std::size_t i = 0; i < take; ++i) dropped.erase(links[i].link_id);
        return lost;
    }

    // The journal.
    Result<Found> read(const std::vector<ProducerCursor>& from,
                       const std::vector<ProducerCursor>& to, std::size_t links_max) override {
        if (happens(5)) return error(Errc::io, "unreadable");
        Found found;
        std::set<std::uint64_t> links;
        for (const auto& limit : to) {
            std::uint32_t at = cursor_of(from, limit.shard).offset;
            if (at < kept_from[limit.shard]) found.gap = true;
            for (; at < limit.at.offset && links.size() < links_max; ++at) {
                links.insert(journal[limit.shard][at].link);
            }
            found.reached.push_back({limit.shard, {0, 0, at}});
        }
        found.links.assign(links.begin(), links.end());
        return found;
    }

    // The position's file.
    std::optional<DeliveryPosition> load() override { return saved; }
    Result<void> save(const std::optional<DeliveryPosition>& position) override {
        if (happens(10)) return error(Errc::io, "full");
        saved = position;
        return {};
    }

    std::vector<ProducerCursor> stored_cursors() const {
        std::vector<ProducerCursor> cursors;
        for (std::uint16_t shard = 0; shard < 2; ++shard)
            cursors.push_back({shard, {0, 0, counted[shard]}});
        return cursors;
    }
    void click() {
        const auto shard = static_cast<std::uint16_t>(below(2));
        journal[shard].push_back(
            {below(links), below(2) == 0 ? ClickClass::human : ClickClass::bot});
    }
    /// The local store takes a batch of what was read since; `delivery` null: it is down.
    void count(TotalDelivery* delivery) {
        CountBatch batch;
        std::map<TotalKey, std::uint64_t> added;
        for (std::uint16_t shard = 0; shard < 2; ++shard) {
            for (; counted[shard] < journal[shard].size(); ++counted[shard]) {
                const Record& record = journal[shard][counted[shard]];
                ++added[{record.link, shard, record.click_class}];
            }
        }
        for (const auto& [key, more] : added) {
            const auto& [link, shard, click_class] = key;
            local[key] += more;
            batch.clicks.push_back({link, 0, shard, click_class, more});
        }
        ++revision;
        const auto cursors = stored_cursors();
        if (delivery != nullptr) delivery->landed({batch, cursors, revision, 1, false});
    }
    void lose_keys() {
        const std::uint64_t link = below(links);
        for (auto at = remote.begin(); at != remote.end();) {
            if (std::get<0>(at->first) != link) {
                ++at;
                continue;
            }
            at = remote.erase(at);
            dropped.insert(link);
        }
        late.clear();
    }

    SplitMix64 random;
    bool faults = true;
    std::uint64_t links = 12;
    std::vector<Record> journal[2];
    std::uint32_t kept_from[2] = {0, 0};
    std::uint32_t counted[2] = {0, 0};
    Totals local;
    std::uint64_t revision = 0;
    Totals remote;
    Totals late;
    std::set<std::uint64_t> dropped;  ///< links that the sink lost and nobody gave it since
    std::optional<DeliveryPosition> saved;
    std::uint64_t walk_parts = 0;
};

struct History {
    explicit History(std::uint64_t seed) : world(seed), breaker({5, 60s}) { start(); }

    void start() {
        TotalDeliveryConfig config;
        config.limits = {1 + world.below(12), 1 + world.below(5), 1 + world.below(8)};
        config.save_every = std::chrono::milliseconds(world.below(3) * 500);
        config.now = [this] { return now_ns; };
        config.suppressed = [this](std::uint64_t link) { return suppressed.count(link) > 0; };
        delivery = std::make_unique<TotalDelivery>(
            TotalDelivery::Parts{world, world, world, world, breaker, node}, config);
        delivery->began(world.stored_cursors(), world.revision);
    }
    void step() {
        const auto what = world.below(100);
        if (what < 40) return world.click();
        if (what < 60) return world.count(delivery.get());
        if (what < 84) {
            // Time enough for every back-off and for the breaker.
            now_ns += 70'000'000'000;
            delivery->round();
        } else if (what < 88) {
            delivery.reset();  // kill -9
            if (world.below(2) == 0) world.count(nullptr);
            start();
        } else if (what < 91) {
            const auto link = world.below(world.links);
            if (suppressed.erase(link) == 0) suppressed.insert(link);
        } else if (what < 94) {
            world.lose_keys();
        } else if (what < 95) {
            delivery->mark_all();
        } else if (what < 97) {
            for (auto& from : world.kept_from)
                from = world.counted[&from - world.kept_from];  // segments are removed
        } else {
            // The local store was healed and told nobody.
            if (world.below(4) == 0) delivery->began(world.stored_cursors(), world.revision);
        }
    }
    /// Everything comes back, and what was found lost is asked for again.
    bool settle() {
        world.faults = false;
        suppressed.clear();
        world.count(delivery.get());
        for (const auto link : world.dropped) delivery->mark(link);
        for (int n = 0; n < 3; ++n) {
            now_ns += 70'000'000'000;
            if (delivery->round()) return true;
        }
        return false;
    }

    World world;
    CircuitBreaker breaker;
    std::set<std::uint64_t> suppressed;
    std::int64_t now_ns = 1;
    std::unique_ptr<TotalDelivery> delivery;
};

}  // namespace

TEST_CASE("the sink's totals come out equal to the local ones, whatever happens on the way",
          "[clicks][delivery]") {
    const char* const given = std::getenv("QCK_TEST_SEED");
    const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device{}();
    std::cout << "delivery seed " << seed << std::endl;
    log::set_silent();
    constexpr std::uint64_t histories = 20'000;
    for (std::uint64_t n = 0; n < histories; ++n) {
        CAPTURE(seed, n);
        History history(seed + n);
        const auto steps = 20 + history.world.below(200);
        for (std::uint64_t step = 0; step < steps; ++step) history.step();
        REQUIRE(history.settle());
        REQUIRE(history.world.remote == history.world.local);
    }
}

namespace {

/// Takes the larger of old and new; fails on command.
struct MemorySink final : TotalSink {
    std::string_view name() const override { return "memory"; }
    Result<std::vector<std::uint64_t>> deliver(std::uint64_t,
                                               std::span<const LinkTotals> links) override {
        const std::lock_guard lock(mutex);
        if (down) return error(Errc::unavailable, "the sink is down");
        for (const auto& link : links) {
            for (const auto& part : link.parts) {
                auto& total = totals[{link.link_id, part.shard, part.click_class}];
                total = std::max(total, part.total);
            }
            ++given;
        }
        return std::vector<std::uint64_t>();
    }
    std::uint64_t total_of(std::uint64_t link) {
        const std::lock_guard lock(mutex);
        std::uint64_t sum = 0;
        for (const auto& [key, total] : totals) sum += std::get<0>(key) == link ? total : 0;
        return sum;
    }
    std::mutex mutex;
    bool down = false;
    Totals totals;
    std::uint64_t given = 0;
};

/// A delivery beside a real journal, store and counting thread.
struct Delivering {
    Delivering(const std::filesystem::path& path, TotalSink& sink)
        : directory(take(DataDirectory::open(path, "test"))),
          journal(take(Journal::open(*directory, small_journal()))),
          store(take(sqlite::SqliteClickStore::open(directory->clicks_database(),
                                                    directory->identity().node))),
          touched(touched_links(*directory)),
          position(position_file(*directory, "memory", "here")) {
        TotalDeliveryConfig config;
        config.every = 2ms;
        config.save_every = 0ms;
        config.backoff = {1ms, 5ms};
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

bool eventually(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

}  // namespace

TEST_CASE("clicks reach a sink while it works, wait while it is down, and cross restarts",
          "[clicks][delivery]") {
    log::set_silent();
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

TEST_CASE("a delivery whose journal is gone gives every link again", "[clicks][delivery]") {
    log::set_silent();
    const qck::test::TemporaryDirectory directory;
    MemorySink sink;
    {
        Delivering service(directory.path(), sink);
        service.click(1, 100);
        CHECK(eventually([&] { return sink.total_of(1) == 100; }));
        {
            const std::lock_guard lock(sink.mutex);
            sink.down = true;
        }
        service.click(2, 5000);
        REQUIRE(service.counting->flush(20s));
    }
    std::filesystem::remove_all(directory.path() / "journal" / "0");
    sink.down = false;
    Delivering service(directory.path(), sink);
    CHECK(eventually([&] { return sink.total_of(2) == 5000; }));
    CHECK(service.delivery->figures().walks > 0);
}

TEST_CASE("the position of another store, or a damaged one, is not used", "[clicks][delivery]") {
    log::set_silent();
    const qck::test::TemporaryDirectory path;
    const auto directory = take(DataDirectory::open(path.path(), "test"));
    const DeliveryPosition position{{{3, {1, 2, 64}}}, {7, 9}};
    const auto file = position_file(*directory, "redis", "10.0.0.5:6379");
    CHECK_FALSE(file->load());
    REQUIRE(file->save(position).has_value());
    const auto loaded = file->load();
    REQUIRE(loaded);
    REQUIRE(loaded->cursors.size() == 1);
    CHECK(loaded->cursors[0].at == Cursor{1, 2, 64});
    CHECK(loaded->owed == position.owed);
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
