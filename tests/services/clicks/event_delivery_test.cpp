#include "services/clicks/event_delivery.hpp"

#include <atomic>
#include <thread>

#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/eventually.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

namespace {

/// Takes everything at once.
struct EagerSink final : EventSink {
    std::string_view name() const override { return "eager"; }
    Result<void> send(const EventBatch& batch) override {
        rows += batch.rows.size();
        return {};
    }
    Result<void> outcome() override { return {}; }
    Result<std::vector<EventId>> present(const EventBatch&) override {
        return std::vector<EventId>();
    }
    std::atomic<std::uint64_t> rows = 0;
};

/// A journal, its delivery, and how often that looked for rows.
struct Delivered {
    Delivered()
        : directory(take(DataDirectory::open(place.path(), "test"))),
          journal(take(Journal::open(*directory, small_journal()))) {
        EventDeliveryConfig config;
        config.poll_every = 1h;
        config.age_max = 1h;
        config.deferred_links = [this] {
            ++looks;
            return std::vector<std::uint64_t>();
        };
        delivery = take(EventDelivery::start(*journal, sink, std::move(config)));
    }

    qck::test::TemporaryDirectory place;
    std::unique_ptr<DataDirectory> directory;
    std::unique_ptr<Journal> journal;
    EagerSink sink;
    std::atomic<std::uint64_t> looks = 0;
    std::unique_ptr<EventDelivery> delivery;
};

}  // namespace

TEST_CASE("young rows are sent at once for who waits, however long the delivery would",
          "[clicks][delivery]") {
    Delivered delivered;
    for (std::uint64_t n = 1; n <= 3; ++n) {
        for (int click = 0; click < 100; ++click) {
            REQUIRE(delivered.journal->shard(0).append(click_on(n)));
        }
        CHECK(delivered.delivery->flush(20s));
        CHECK(delivered.sink.rows == 100 * n);
    }
}

TEST_CASE("who asks for a place that cannot be reached does not make the delivery spin",
          "[clicks][delivery]") {
    Delivered delivered;
    REQUIRE(delivered.journal->shard(0).append(click_on(1)));
    REQUIRE(delivered.delivery->flush(20s));
    const Cursor never{delivered.directory->identity().epoch, 1'000'000, 0};
    const std::uint64_t before = delivered.looks;
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t asked = 0;
    for (; std::chrono::steady_clock::now() < begin + 500ms; ++asked) {
        REQUIRE_FALSE(delivered.delivery->delivered_until({{0, never}}));
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    INFO(asked << " questions");
    CHECK(asked > 1'000);
    CHECK(delivered.looks - before <= static_cast<std::uint64_t>(took / 10ms) + 2);
    // What comes meanwhile is delivered all the same.
    REQUIRE(delivered.journal->shard(0).append(click_on(1)));
    CHECK(delivered.delivery->flush(20s));
    CHECK(delivered.sink.rows == 2);
}
