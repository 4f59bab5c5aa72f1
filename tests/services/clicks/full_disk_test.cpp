// A disk without room: appending says no at once, and everything goes on when there is room again.
#include <cerrno>

#include "tests/services/clicks/failing_calls.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/captured_stderr.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

TEST_CASE("a full disk refuses clicks without losing any, and takes them again when there is room",
          "[clicks][full]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    auto& shard = service.journal->shard(0);
    std::uint64_t accepted = 0;
    {
        const Failing full(fallocate_call, ENOSPC);
        while (shard.append(click_on(9))) ++accepted;
        for (int n = 0; n < 1000; ++n) {
            CHECK_FALSE(shard.append(click_on(9)));
            shard.note_refused();
        }
        CHECK(service.journal->full());
    }
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!shard.append(click_on(9))) REQUIRE(std::chrono::steady_clock::now() < deadline);
    ++accepted;
    for (int n = 0; n < 5000; ++n, ++accepted) REQUIRE(shard.append(click_on(9)));
    service.flush();
    CHECK(service.stored(9) == accepted);
    CHECK(service.counting->figures().refused == 1000);
    CHECK_FALSE(service.journal->full());
    CHECK(service.counting->figures().corrupt_places == 0);
}

TEST_CASE("a data directory without room for a segment is an error that says so",
          "[clicks][full]") {
    const qck::test::TemporaryDirectory directory;
    const auto data = take(DataDirectory::open(directory.path(), "test"));
    const Failing full(fallocate_call, ENOSPC);
    const auto journal = Journal::open(*data, small_journal());
    REQUIRE(journal.has_error());
    CHECK(journal.error().message.find("cannot make journal segment") != std::string::npos);
}

TEST_CASE("a segment that cannot be made for another reason is not told to be want of room",
          "[clicks][full]") {
    const qck::test::TemporaryDirectory directory;
    qck::test::CapturedStderr captured(directory.path() / "stderr");
    Service service(directory.path());
    auto& shard = service.journal->shard(0);
    std::uint64_t accepted = 0;
    {
        const Failing unable(fallocate_call, EIO);
        while (shard.append(click_on(9))) ++accepted;
        // Else a delivered segment would be removed every two seconds, for nothing.
        CHECK_FALSE(service.journal->full());
    }
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!shard.append(click_on(9))) REQUIRE(std::chrono::steady_clock::now() < deadline);
    service.flush();
    CHECK(service.stored(9) == accepted + 1);
    const auto told = captured.end();
    CHECK(qck::test::occurrences(told, "event=journal_segment_failed") == 1);
    CHECK(qck::test::occurrences(told, "event=journal_has_segments") == 1);
    CHECK(qck::test::occurrences(told, "event=journal_full") == 0);
}
