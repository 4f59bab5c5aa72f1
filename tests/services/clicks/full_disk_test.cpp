// A disk without room: appending says no at once, and everything goes on when there is room again.
#include <signal.h>
#include <sys/resource.h>

#include <thread>

#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

namespace {

/// No file of this process can grow beyond a few KB, which is what a full disk looks like.
class FullDisk {
public:
    FullDisk() {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit small = before_;
        small.rlim_cur = 16 * 1024;
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("a full disk refuses clicks without losing any, and takes them again when there is room",
          "[clicks][full]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    auto& shard = service.journal->shard(0);
    std::uint64_t accepted = 0;
    {
        const FullDisk full;
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
    const FullDisk full;
    const auto journal = Journal::open(*data, small_journal());
    REQUIRE(journal.has_error());
    CHECK(journal.error().message.find("cannot make journal segment") != std::string::npos);
}
