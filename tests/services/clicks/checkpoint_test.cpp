// A checkpoint that is damaged, gone, or half written: no click is lost by it, none counts twice.
#include "services/clicks/checkpoint.hpp"

#include <cerrno>
#include <fstream>
#include <thread>

#include "tests/services/clicks/failing_calls.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/captured_stderr.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

namespace {

/// Few segments are kept, and what fails is tried again at once.
CountingConfig eager_counting() {
    auto config = quick_counting();
    config.keep.bytes = 2 * segment_bytes_min;
    config.checkpoint_records = 1'000;
    config.checkpoint_retry = 1ms;
    return config;
}

void append(Service& service, int clicks) {
    for (int n = 0; n < clicks; ++n) REQUIRE(service.journal->shard(0).append(click_on(3)));
    service.flush();
}

template <class Condition>
void wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        std::this_thread::sleep_for(1ms);
    }
}

/// A life in which 20,000 clicks are counted and most of their segments are removed.
void live_until_segments_go(const std::filesystem::path& path) {
    Service service(path, small_journal(), eager_counting());
    append(service, 20'000);
    wait_until([&] { return take(list_segments(path / "journal", 0)).size() <= 4; });
}

void overwrite_in(const std::filesystem::path& file, std::streamoff at, const std::string& text) {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(at) << text;
}

/// What a store that was lost is given by checkpoint and segments.
std::uint64_t counted_without_store(const std::filesystem::path& path) {
    for (const char* name : {"clicks.db", "clicks.db-wal", "clicks.db-shm"}) {
        std::filesystem::remove(path / name);
    }
    Service service(path, small_journal(), eager_counting());
    service.flush();
    return service.stored(3);
}

}  // namespace

TEST_CASE("a checkpoint in its place that the directory could not be synced for counts once",
          "[clicks][checkpoint]") {
    const qck::test::TemporaryDirectory directory;
    {
        auto config = eager_counting();
        config.keep.bytes = std::uint64_t{1} << 30;
        Service service(directory.path(), small_journal(), config);
        {
            const Failing failing(fsync_call, EIO, directory.path().filename());
            for (int round = 0; round < 3; ++round) {
                const auto before = fsync_call.failed();
                append(service, 1'500);
                wait_until([&] { return fsync_call.failed() > before; });
            }
        }
        append(service, 1'500);
        wait_until([&] { return service.counting->figures().checkpoints > 0; });
        CHECK(service.stored(3) == 6'000);
    }
    CHECK(counted_without_store(directory.path()) == 6'000);
}

TEST_CASE("a damaged checkpoint stays until a whole one can take its place",
          "[clicks][checkpoint]") {
    const qck::test::TemporaryDirectory directory;
    live_until_segments_go(directory.path());
    const auto checkpoint = directory.path() / "checkpoint";
    overwrite_in(checkpoint,
                 static_cast<std::streamoff>(std::filesystem::file_size(checkpoint)) - 10, "harm");
    {
        qck::test::CapturedStderr captured(directory.path() / "stderr");
        {
            const Failing failing(fdatasync_call, ENOSPC, "/checkpoint.new");
            Service service(directory.path(), small_journal(), eager_counting());
            wait_until([] { return fdatasync_call.failed() >= 2; });
            CHECK(std::filesystem::exists(checkpoint));
            service.counting->stop(0ms);
        }
        CHECK(qck::test::occurrences(captured.end(), "event=checkpoint_damaged") == 1);
    }
    {
        Service service(directory.path(), small_journal(), eager_counting());
        append(service, 1);
        CHECK(service.stored(3) == 20'001);
    }
    CHECK(std::filesystem::exists(directory.path() / "checkpoint.damaged"));
    CHECK(counted_without_store(directory.path()) == 20'001);
}

TEST_CASE("a checkpoint that is gone though segments were removed is made anew, and told",
          "[clicks][checkpoint]") {
    const qck::test::TemporaryDirectory directory;
    live_until_segments_go(directory.path());
    std::filesystem::remove(directory.path() / "checkpoint");
    {
        qck::test::CapturedStderr captured(directory.path() / "stderr");
        {
            Service service(directory.path(), small_journal(), eager_counting());
            append(service, 1);
        }
        CHECK(qck::test::occurrences(captured.end(), "event=checkpoint_missing") == 1);
    }
    CHECK(counted_without_store(directory.path()) == 20'001);
}

TEST_CASE("a start without a checkpoint is nothing to tell while the journal has everything",
          "[clicks][checkpoint]") {
    const qck::test::TemporaryDirectory directory;
    qck::test::CapturedStderr captured(directory.path() / "stderr");
    for (int start = 0; start < 3; ++start) {
        // The shard that has the clicks first has some in the second epoch.
        Service service(directory.path(), small_journal(start == 0 ? 1 : 2));
        if (start == 1) REQUIRE(service.journal->shard(1).append(click_on(3)));
        append(service, 100);
        service.counting.reset();
        std::filesystem::remove(directory.path() / "checkpoint");
    }
    {
        Service service(directory.path());
        service.flush();
        CHECK(service.stored(3) == 301);
    }
    const auto told = captured.end();
    CHECK(qck::test::occurrences(told, "level=error") == 0);
    CHECK(counted_without_store(directory.path()) == 301);
}

TEST_CASE("checkpoint and store both lost are told", "[clicks][checkpoint]") {
    const qck::test::TemporaryDirectory directory;
    live_until_segments_go(directory.path());
    std::filesystem::remove(directory.path() / "checkpoint");
    qck::test::CapturedStderr captured(directory.path() / "stderr");
    CHECK(counted_without_store(directory.path()) < 20'000);
    CHECK(qck::test::occurrences(captured.end(), "event=totals_lost") == 1);
}

TEST_CASE("a checkpoint that is damaged or taken away while counting runs is made anew",
          "[clicks][checkpoint]") {
    const qck::test::TemporaryDirectory directory;
    live_until_segments_go(directory.path());
    const auto checkpoint = directory.path() / "checkpoint";
    {
        Service service(directory.path(), small_journal(), eager_counting());
        service.flush();
        const auto next_checkpoint = [&] {
            const auto before = service.counting->figures().checkpoints;
            append(service, 1'000);
            wait_until([&] { return service.counting->figures().checkpoints > before; });
        };
        overwrite_in(checkpoint, 4, "harm");
        append(service, 1'000);
        wait_until(
            [&] { return std::filesystem::exists(directory.path() / "checkpoint.damaged"); });
        next_checkpoint();
        std::filesystem::remove(checkpoint);
        append(service, 1'000);
        wait_until([&] { return std::filesystem::exists(checkpoint); });
        next_checkpoint();
        CHECK(service.stored(3) == 24'000);
    }
    CHECK(counted_without_store(directory.path()) == 24'000);
}
