#include "services/clicks/durability_syncer.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>

#include "base/clock.hpp"
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

namespace {

/// A disk that answers when it is told to.
class SlowDisk {
public:
    int sync(int fd) {
        std::unique_lock lock(mutex_);
        ++asked_;
        moved_.notify_all();
        moved_.wait_for(lock, 20s, [&] { return answers_ > 0; });
        --answers_;
        if (failing_) {
            errno = EIO;
            return -1;
        }
        return ::fdatasync(fd);
    }
    void answer(int times, bool failing) {
        const std::lock_guard lock(mutex_);
        answers_ += times;
        failing_ = failing;
        moved_.notify_all();
    }
    bool is_asked(int times) {
        std::unique_lock lock(mutex_);
        return moved_.wait_for(lock, 20s, [&] { return asked_ >= times; });
    }

private:
    std::mutex mutex_;
    std::condition_variable moved_;
    int asked_ = 0;
    int answers_ = 0;
    bool failing_ = false;
};

}  // namespace

TEST_CASE("nothing is reported durable before the disk says so, nor ever after it failed",
          "[clicks][durability][P1]") {
    const qck::test::TemporaryDirectory directory;
    auto data = take(DataDirectory::open(directory.path(), "test"));
    auto config = small_journal(2);
    config.power_safe = true;
    auto journal = take(Journal::open(*data, config));
    SlowDisk disk;
    std::atomic<int> lost{0};
    DurabilitySyncer syncer(*journal, [](std::uint16_t, std::uint64_t) {},
                            {.sync_file = [&](int fd) { return disk.sync(fd); },
                             .lost = [&](std::uint16_t shard) { lost += 1 + shard; }});
    const auto until = [](auto condition) {
        for (const auto by = monotonic_ns() + 20'000'000'000; !condition();) {
            if (monotonic_ns() > by) return false;
        }
        return true;
    };
    auto& shard = journal->shard(0);
    REQUIRE(shard.append(click_on(1)));
    const auto first = shard.appended_position();
    syncer.request(0);
    REQUIRE(disk.is_asked(1));
    CHECK(syncer.durable_position(0) == 0);
    disk.answer(1, false);
    REQUIRE(until([&] { return syncer.durable_position(0) == first; }));

    REQUIRE(shard.append(click_on(1)));
    syncer.request(0);
    REQUIRE(disk.is_asked(2));
    disk.answer(1, true);
    REQUIRE(until([&] { return lost == 1; }));
    // The disk is well again, and would say so for what it lost, too.
    disk.answer(1000, false);
    REQUIRE(shard.append(click_on(1)));
    syncer.request(0);
    REQUIRE(journal->shard(1).append(click_on(1)));
    syncer.request(1);
    REQUIRE(until([&] { return syncer.durable_position(1) > 0; }));
    CHECK(syncer.durable_position(0) == first);
    CHECK(syncer.failures() == 1);
}

TEST_CASE("a directory that cannot be written to the disk is an error", "[clicks][durability]") {
    const qck::test::TemporaryDirectory directory;
    CHECK(sync_directory(directory.path()).has_value());
    CHECK(sync_directory(directory.path() / "none").has_error());
}
