// A store that fails, lies or is changed by somebody else: the counts come out right all the same.
#include <map>
#include <mutex>
#include <random>

#include "services/clicks/segment_retention.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/seed.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

namespace {

/// The SQLite store behind a door that fails on command: before the commit, or after it.
class FaultyClickStore final : public ClickStore {
public:
    enum class Fault { none, before, after };
    explicit FaultyClickStore(ClickStore& store) : store_(store) {}
    void set(std::function<Fault()> fault) {
        const std::lock_guard lock(mutex_);
        fault_ = std::move(fault);
    }

    Result<void> apply(const CountBatch& batch) override {
        const Fault fault = next();
        if (fault == Fault::before) return error(Errc::unavailable, "the disk is full");
        auto applied = store_.apply(batch);
        if (fault == Fault::after) return error(Errc::io, "the outcome was lost");
        return applied;
    }
    Result<Reading<std::vector<ProducerCursor>>> cursors() override { return store_.cursors(); }
    Result<void> raise(const std::vector<ProducerCursor>& cursors, const TotalSource& totals,
                       const HourSource& hours, bool exact) override {
        return store_.raise(cursors, totals, hours, exact);
    }
    Result<Reading<ClassTotals>> link_totals(std::uint64_t link) override {
        return store_.link_totals(link);
    }
    Result<Reading<std::vector<HourCount>>> link_hours(std::uint64_t link, std::uint32_t since,
                                                       std::uint32_t until) override {
        return store_.link_hours(link, since, until);
    }
    Result<Reading<std::vector<EventCount>>> event_hours(std::string_view type, std::uint32_t since,
                                                         std::uint32_t until) override {
        return store_.event_hours(type, since, until);
    }
    Result<std::vector<LinkClicks>> most_clicked(std::uint32_t since,
                                                 std::size_t links_max) override {
        return store_.most_clicked(since, links_max);
    }
    Result<Reading<std::vector<ProducerTotal>>> totals_of(
        std::span<const std::uint64_t> links) override {
        return store_.totals_of(links);
    }
    Result<Reading<std::vector<ProducerTotal>>> totals_after(std::optional<std::uint64_t> after,
                                                             std::size_t links_max) override {
        return store_.totals_after(after, links_max);
    }
    Result<std::vector<ProducerCursor>> each_total(
        const std::function<Result<void>(const ProducerTotal&)>& visit) override {
        return store_.each_total(visit);
    }

private:
    Fault next() {
        const std::lock_guard lock(mutex_);
        return fault_ ? fault_() : Fault::none;
    }
    ClickStore& store_;
    std::mutex mutex_;
    std::function<Fault()> fault_;
};

}  // namespace

TEST_CASE("a store that fails before or after its commit counts everything once",
          "[clicks][counting]") {
    const auto seed = qck::test::seed_of_run("store fault");
    CAPTURE(seed);
    std::mt19937 random(seed);
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    service.counting.reset();
    FaultyClickStore faulty(*service.store);
    faulty.set([&random] { return static_cast<FaultyClickStore::Fault>(random() % 3); });
    auto counting = take(ClickCounting::start(*service.journal, faulty, quick_counting()));
    for (int n = 0; n < 30'000; ++n) {
        REQUIRE(service.journal->shard(0).append(click_on(1 + n % 2)));
        if (n % 5'000 == 0) counting->flush(50ms);
    }
    CHECK(take(counting->link_totals(1)).sum() <= 15'000);
    faulty.set(nullptr);
    REQUIRE(counting->flush(20s));
    CHECK(service.stored(1) == 15'000);
    CHECK(service.stored(2) == 15'000);
    CHECK(counting->figures().flush_failures > 0);
}

TEST_CASE("a store that is out for long costs memory only up to a bound", "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    service.counting.reset();
    FaultyClickStore faulty(*service.store);
    faulty.set([] { return FaultyClickStore::Fault::before; });
    auto config = quick_counting();
    config.counts_max = 1000;
    auto counting = take(ClickCounting::start(*service.journal, faulty, config));
    for (int n = 0; n < 100'000; ++n) REQUIRE(service.journal->shard(0).append(click_on(1 + n)));
    CHECK_FALSE(counting->flush(200ms));
    CHECK(counting->figures().lag_records == 100'000);
    CHECK(counting->figures().lag_seconds > 0.1);
    faulty.set(nullptr);
    REQUIRE(counting->flush(60s));
    CHECK(service.stored(1) == 1);
    CHECK(service.stored(100'000) == 1);
    CHECK(counting->figures().lag_records == 0);
}

TEST_CASE("random runs of a service agree with a model", "[clicks][counting][property]") {
    const auto seed = qck::test::seed_of_run("model");
    CAPTURE(seed);
    std::mt19937 random(seed);
    const qck::test::TemporaryDirectory directory;
    std::map<std::uint64_t, std::uint64_t> model;
    for (int life = 0; life < 12; ++life) {
        CAPTURE(life);
        auto config = quick_counting();
        config.keep.bytes = random() % 3 == 0 ? segment_bytes_min : std::uint64_t{1} << 30;
        config.checkpoint_records = 500 + random() % 5'000;
        const auto shards = static_cast<std::uint16_t>(1 + random() % 3);
        Service service(directory.path(), small_journal(shards), config);
        const int clicks = static_cast<int>(random() % 20'000);
        for (int n = 0; n < clicks; ++n) {
            const std::uint64_t link = random() % 50;
            auto& shard = service.journal->shard(static_cast<std::uint16_t>(random() % shards));
            REQUIRE(shard.append(click_on(link, static_cast<ClickClass>(random() % 7))));
            ++model[link];
            if (random() % 4'000 == 0) service.flush();
        }
        if (random() % 2 == 0) service.counting->stop(0ms);  // some of it may be left to the next
        service.counting.reset();
        service.store.reset();
        if (random() % 3 == 0) {
            for (const char* name : {"clicks.db", "clicks.db-wal", "clicks.db-shm"}) {
                std::filesystem::remove(directory.path() / name);
            }
        }
    }
    Service service(directory.path());
    service.flush();
    for (const auto& [link, clicks] : model) {
        CAPTURE(link);
        CHECK(service.stored(link) == clicks);
        CHECK(take(service.counting->link_totals(link)).sum() == clicks);
    }
    CHECK(service.counting->figures().corrupt_places == 0);
}
