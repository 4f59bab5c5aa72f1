// A journal that cannot be read for a while (no descriptors left, a directory that is away) loses
// nothing, and waiting for it costs nothing.
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/captured_stderr.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

TEST_CASE("a segment that cannot be opened for a moment is read afterwards, whole",
          "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    {
        Service service(directory.path());
        for (int n = 0; n < 5'000; ++n) REQUIRE(service.journal->shard(0).append(click_on(1)));
    }
    const auto second = segment_path(directory.path(), 0, 1);
    auto aside = second;
    aside += ".aside";
    std::filesystem::rename(second, aside);
    std::filesystem::create_symlink(second, second);  // to itself: opening fails, not with ENOENT

    ShardReader::Options options;
    options.journal = directory.path() / "journal";
    options.node = take(DataDirectory::peek(directory.path())).node;
    ShardReader reader(options, {});
    ReadBuffer buffer;
    Contents contents;
    CHECK(reader.read(journal_end, SIZE_MAX, buffer, contents).has_error());
    CHECK(reader.read(journal_end, SIZE_MAX, buffer, contents).has_error());
    CHECK(contents.damages.empty());
    const auto before = contents.records;
    CHECK(before > 0);
    CHECK(before < 5'000);

    std::filesystem::rename(aside, second);
    CHECK(take(reader.read(journal_end, SIZE_MAX, buffer, contents)));
    CHECK(contents.records == 5'000);
    CHECK(contents.damages.empty());
}

TEST_CASE("what a disk does not give back for a moment is read afterwards, wherever it is",
          "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    {
        Service service(directory.path());
        for (int n = 0; n < 5'000; ++n) REQUIRE(service.journal->shard(0).append(click_on(1)));
    }
    // The header, and the middle of the records.
    for (const off_t bad : {0, 20'000}) {
        CAPTURE(bad);
        bool well = false;
        int failed = 0;
        ShardReader::Options options;
        options.journal = directory.path() / "journal";
        options.node = take(DataDirectory::peek(directory.path())).node;
        options.read_file = [&](int fd, void* to, std::size_t bytes, off_t at) -> ssize_t {
            if (well || bad < at || bad >= at + static_cast<off_t>(bytes)) {
                return ::pread(fd, to, bytes, at);
            }
            if (bad > at) return ::pread(fd, to, static_cast<std::size_t>(bad - at), at);
            ++failed;
            errno = EIO;
            return -1;
        };
        ShardReader reader(options, {});
        ReadBuffer buffer;
        Contents contents;
        CHECK(reader.read(journal_end, SIZE_MAX, buffer, contents).has_error());
        CHECK(reader.read(journal_end, SIZE_MAX, buffer, contents).has_error());
        CHECK(failed >= 2);
        CHECK(contents.damages.empty());
        CHECK((contents.records > 0) == (bad > 0));  // what is before it is handed on
        CHECK(contents.records < 500);

        well = true;
        CHECK(take(reader.read(journal_end, SIZE_MAX, buffer, contents)));
        CHECK(contents.records == 5'000);
        CHECK(contents.damages.empty());
    }
}

TEST_CASE("a journal that cannot be read is told once, waited for and then counted",
          "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    service.flush();
    const auto folder = directory.path() / "journal" / "0";
    const auto aside = directory.path() / "journal" / "aside";
    qck::test::CapturedStderr captured(directory.path() / "stderr");
    std::filesystem::rename(folder, aside);
    std::ofstream(folder) << "not a directory";

    for (int n = 0; n < 100; ++n) REQUIRE(service.journal->shard(0).append(click_on(1)));
    // It is tried again as often as the tail is read (2 ms) and not at once: so many tries take
    // their time, however fast or slow the machine is.
    const auto tries = [&] { return service.counting->figures().read_failures; };
    const auto begin = std::chrono::steady_clock::now();
    const auto before = tries();
    while (tries() < before + 100) {
        REQUIRE(std::chrono::steady_clock::now() - begin < 20s);
        std::this_thread::sleep_for(1ms);
    }
    CHECK(std::chrono::steady_clock::now() - begin > 100ms);
    CHECK_FALSE(service.counting->flush(1ms));
    std::filesystem::remove(folder);
    std::filesystem::rename(aside, folder);
    service.flush();
    CHECK(service.stored(1) == 100);
    CHECK(qck::test::occurrences(captured.end(), "event=journal_unreadable") == 1);
}
