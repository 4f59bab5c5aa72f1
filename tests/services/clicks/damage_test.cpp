// What a journal gives back when its files were harmed: everything that is whole.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>

#include "base/clock.hpp"
#include "services/clicks/damage_log.hpp"
#include "services/clicks/segment.hpp"
#include "services/clicks/segment_retention.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/seed.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;

namespace {

constexpr std::uint64_t written = 3000;

/// A journal of three segments, its writer gone.
void write_journal(const std::filesystem::path& path) {
    auto data = take(DataDirectory::open(path, "test"));
    auto journal = take(Journal::open(*data, small_journal()));
    for (std::uint64_t n = 0; n < written; ++n) REQUIRE(journal->shard(0).append(click_on(1 + n)));
}

void overwrite(const std::filesystem::path& file, std::uint64_t at, const std::string& bytes) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
            static_cast<ssize_t>(bytes.size()));
    ::close(fd);
}

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        files.push_back(entry.path());
    }
    return files;
}

}  // namespace

TEST_CASE("a damaged byte costs its record and no other", "[clicks][damage]") {
    const auto seed = qck::test::seed_of_run("damage");
    CAPTURE(seed);
    std::mt19937 random(seed);
    const qck::test::TemporaryDirectory directory;
    write_journal(directory.path());
    for (int round = 0; round < 40; ++round) {
        const auto file = segment_path(directory.path(), 0, random() % 2);
        const auto kept = directory.path() / "kept";
        std::filesystem::copy_file(file, kept);
        const std::uint64_t at = segment_header_bytes + random() % (1300 * click_bytes);
        CAPTURE(round, at);
        char byte = 0;
        std::ifstream(file, std::ios::binary).seekg(static_cast<std::streamoff>(at)).read(&byte, 1);
        overwrite(file, at, std::string(1, static_cast<char>(byte ^ (1 << random() % 8))));

        Contents contents;
        read_shard(directory.path(), 0, contents);
        CHECK(contents.records == written - 1);
        REQUIRE(contents.damages.size() == 1);
        CHECK(contents.lost() == 1);
        CHECK(contents.damages[0].from <= at);
        CHECK(contents.damages[0].to > at);
        std::filesystem::rename(kept, file);
    }
}

TEST_CASE("a page of zeros in the middle is reported, and what follows is read",
          "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    write_journal(directory.path());
    overwrite(segment_path(directory.path(), 0, 0), 8192, std::string(4096, '\0'));
    Contents contents;
    read_shard(directory.path(), 0, contents);
    CHECK(contents.lost() > 80);
    CHECK(contents.lost() < 90);
    CHECK(contents.records == written - contents.lost());
}

TEST_CASE("a cut segment gives what is left, and what is missing is numbered", "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    for (const std::uintmax_t length : {0ULL, 10ULL, 64ULL, 1000ULL, 9024ULL, 65000ULL}) {
        CAPTURE(length);
        const auto path = directory.path() / std::to_string(length);
        write_journal(path);
        std::filesystem::resize_file(segment_path(path, 0, 0), length);
        Contents contents;
        read_shard(path, 0, contents);
        CHECK(contents.records >= written - 1400);
        CHECK(contents.records < written);
        CHECK(!contents.damages.empty());
        if (length >= 64) CHECK(contents.lost() == written - contents.records);
    }
}

TEST_CASE("a damaged header does not take the records with it", "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    write_journal(directory.path());
    overwrite(segment_path(directory.path(), 0, 1), 20, "XX");
    Contents contents;
    read_shard(directory.path(), 0, contents);
    CHECK(contents.records == written);
    CHECK(contents.damages.size() == 1);
}

TEST_CASE("bytes of another segment do not pass for this one's", "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    write_journal(directory.path());
    const auto first = segment_path(directory.path(), 0, 0);
    std::string stolen(480, '\0');
    std::ifstream(segment_path(directory.path(), 0, 1), std::ios::binary)
        .seekg(4096 + 64)
        .read(stolen.data(), static_cast<std::streamsize>(stolen.size()));
    overwrite(first, 4096 + 64, stolen);
    Contents contents;
    read_shard(directory.path(), 0, contents);
    CHECK(contents.records + contents.lost() == written);
    CHECK(contents.lost() >= 10);
}

TEST_CASE("a service starts on a damaged journal, counts the rest and keeps the segment aside",
          "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    write_journal(directory.path());
    // The last segment of an epoch is sealed when it was read, and what is kept aside is not.
    const auto segment = segment_path(directory.path(), 0, 2);
    overwrite(segment, 5000, "harm");
    const std::string harmed = text_of(segment);
    Service service(directory.path());
    service.flush();
    CHECK(service.counting->figures().counted == written - 1);
    CHECK(service.counting->figures().corrupt_places == 1);
    const auto aside = files_in(aside_folder(directory.path() / "journal"));
    REQUIRE(aside.size() == 1);
    CHECK((text_of(aside[0]) == harmed));  // not printed
    CHECK(std::filesystem::file_size(segment) < harmed.size());
}

TEST_CASE("what is kept aside counts as the journal's bytes and goes when it is kept no longer",
          "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    write_journal(directory.path());
    const auto journal = directory.path() / "journal";
    const auto now_ms = wall_ms();
    const JournalKeep keep{.time = std::chrono::hours(1)};
    const auto without = take(retain_segments(journal, {}, {}, keep, now_ms, false));
    DamageLog log(journal);
    log.report({{0, 1, 0}, 100, 148, 1, "harm"});
    log.report({{0, 1, 0}, 200, 248, 1, "harm"});

    const auto with = take(retain_segments(journal, {}, {}, keep, now_ms, false));
    CHECK(with.bytes == without.bytes + segment_bytes_min);
    CHECK(with.segments == without.segments);
    CHECK(with.removed == 0);
    const auto later = take(retain_segments(journal, {}, {}, keep, now_ms + 4'000'000, false));
    CHECK(later.bytes == without.bytes);
    CHECK(later.segments == without.segments);
    CHECK(later.removed == 1);
    CHECK(files_in(aside_folder(journal)).empty());
}

TEST_CASE("what is kept aside has a bound", "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    write_journal(directory.path());
    const auto journal = directory.path() / "journal";
    DamageLog log(journal, 2 * segment_bytes_min);
    for (std::uint32_t number = 0; number < 3; ++number) {
        log.report({{0, 1, number}, 100, 148, 1, "harm"});
    }
    CHECK(log.places() == 3);
    CHECK(files_in(aside_folder(journal)).size() == 2);
}

TEST_CASE("a damaged checkpoint is kept aside and made anew", "[clicks][damage]") {
    const qck::test::TemporaryDirectory directory;
    auto config = quick_counting();
    config.keep.bytes = 2 * segment_bytes_min;
    {
        Service service(directory.path(), small_journal(), config);
        for (int n = 0; n < 20'000; ++n) REQUIRE(service.journal->shard(0).append(click_on(3)));
        service.flush();
    }
    const auto checkpoint = directory.path() / "checkpoint";
    overwrite(checkpoint, std::filesystem::file_size(checkpoint) - 10, "harm");
    Service service(directory.path(), small_journal(), config);
    REQUIRE(service.journal->shard(0).append(click_on(3)));
    service.flush();
    CHECK(service.stored(3) == 20'001);
    CHECK(std::filesystem::exists(directory.path() / "checkpoint.damaged"));
}
