// kill -9 in the middle of appending: what append() said true to is there, and nothing twice.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/seed.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;

namespace {

/// Memory that a child and its parent share, so that what the child was told survives it.
struct Told {
    std::atomic<std::uint64_t> begun;      ///< appends that were begun
    std::atomic<std::uint64_t> committed;  ///< of which append() returned true
};

Told* shared_page() {
    void* const page =
        ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    return new (page) Told{};
}

[[noreturn]] void append_for_ever(const std::filesystem::path& path, Told& told) {
    auto data = DataDirectory::open(path, "test");
    if (!data) ::_exit(1);
    auto journal = Journal::open(**data, small_journal());
    if (!journal) ::_exit(1);
    JournalShard& shard = (*journal)->shard(0);
    for (std::uint64_t n = 0;; ++n) {
        told.begun.fetch_add(1);
        Click click = click_on(1 + n % 10);
        click.user_agent = shard.user_agent("agent " + std::to_string(n % 50)).id;
        if (!shard.append(click)) ::_exit(1);
        told.committed.fetch_add(1);
    }
}

}  // namespace

TEST_CASE("a process killed while it appends loses nothing that was committed", "[clicks][crash]") {
    const auto seed = qck::test::seed_of_run("crash");
    CAPTURE(seed);
    std::mt19937 random(seed);
    const qck::test::TemporaryDirectory directory;
    Told& told = *shared_page();
    for (int round = 0; round < 25; ++round) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) append_for_ever(directory.path(), told);
        const std::uint64_t enough = told.committed + 1 + random() % 20'000;
        while (told.committed < enough && ::waitpid(child, nullptr, WNOHANG) == 0) {
        }
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);

        Contents contents;
        read_shard(directory.path(), 0, contents);
        CAPTURE(round);
        CHECK(contents.damages.empty());
        CHECK(contents.records >= told.committed);
        CHECK(contents.records <= told.begun);
    }
    Service service(directory.path());
    service.flush();
    std::uint64_t stored = 0;
    for (std::uint64_t link = 1; link <= 10; ++link) stored += service.stored(link);
    CHECK(stored >= told.committed);
    CHECK(stored <= told.begun);
    ::munmap(&told, sizeof told);
}
