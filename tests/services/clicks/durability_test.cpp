#include "services/clicks/durability_syncer.hpp"

#include <condition_variable>
#include <mutex>

#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

TEST_CASE("what was appended before a request is reported durable, across segments",
          "[clicks][durability]") {
    const qck::test::TemporaryDirectory directory;
    auto data = take(DataDirectory::open(directory.path(), "test"));
    auto config = small_journal(2);
    config.power_safe = true;
    auto journal = take(Journal::open(*data, config));
    std::mutex mutex;
    std::condition_variable moved;
    std::uint64_t reported[2] = {0, 0};
    DurabilitySyncer syncer(*journal, [&](std::uint16_t shard, std::uint64_t position) {
        const std::lock_guard lock(mutex);
        CHECK(position > reported[shard]);
        reported[shard] = position;
        moved.notify_all();
    });
    for (int round = 0; round < 20; ++round) {
        for (std::uint16_t number = 0; number < 2; ++number) {
            auto& shard = journal->shard(number);
            for (int n = 0; n < 900; ++n) REQUIRE(shard.append(click_on(1)));
            const std::uint64_t position = shard.appended_position();
            syncer.request(number);
            std::unique_lock lock(mutex);
            REQUIRE(moved.wait_for(lock, 20s, [&] { return reported[number] >= position; }));
            CHECK(syncer.durable_position(number) >= position);
        }
    }
    CHECK(syncer.failures() == 0);
}
