// A journal that cannot be read for a while (no descriptors left, a directory that is away) loses
// nothing, and waiting for it costs nothing.
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;
using namespace std::chrono_literals;

namespace {

/// What is written to stderr while it lives goes to a file.
class CapturedStderr {
public:
    explicit CapturedStderr(std::filesystem::path file)
        : file_(std::move(file)), before_(::dup(2)) {
        std::FILE* const to = std::fopen(file_.c_str(), "w");
        ::dup2(::fileno(to), 2);
        std::fclose(to);
    }
    ~CapturedStderr() { end(); }
    std::string end() {
        if (before_ >= 0) {
            ::dup2(before_, 2);
            ::close(std::exchange(before_, -1));
        }
        std::stringstream text;
        text << std::ifstream(file_).rdbuf();
        return text.str();
    }

private:
    std::filesystem::path file_;
    int before_;
};

std::size_t occurrences(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
}

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

}  // namespace

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
    CapturedStderr captured(directory.path() / "stderr");
    std::filesystem::rename(folder, aside);
    std::ofstream(folder) << "not a directory";

    for (int n = 0; n < 100; ++n) REQUIRE(service.journal->shard(0).append(click_on(1)));
    const double begin = cpu_seconds();
    CHECK_FALSE(service.counting->flush(500ms));
    CHECK(cpu_seconds() - begin < 0.25);
    std::filesystem::remove(folder);
    std::filesystem::rename(aside, folder);
    service.flush();
    CHECK(service.stored(1) == 100);
    CHECK(occurrences(captured.end(), "event=journal_unreadable") == 1);
}
