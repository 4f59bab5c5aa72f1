// Whatever is lost of a data directory: no epoch is given twice, and the node stays while anything
// names it.
#include <sys/wait.h>
#include <unistd.h>

#include "services/clicks/checkpoint.hpp"
#include "tests/services/clicks/journal_fixture.hpp"
#include "tests/support/captured_stderr.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;

namespace {

/// A start that ends at once as by kill -9: its spare segments stay, with nothing in them.
void start_and_die(const std::filesystem::path& path) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto data = DataDirectory::open(path, "test");
        if (!data) ::_exit(1);
        auto journal = Journal::open(**data, small_journal());
        ::_exit(journal ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
}

}  // namespace

TEST_CASE("a lost node.json gives no epoch again that a spare segment has", "[clicks][identity]") {
    const qck::test::TemporaryDirectory directory;
    start_and_die(directory.path());
    std::filesystem::remove(directory.path() / "node.json");
    const auto data = take(DataDirectory::open(directory.path(), "test"));
    CHECK(data->identity().epoch == 2);
    CHECK(Journal::open(*data, small_journal()).has_value());
}

TEST_CASE("a node.json from an older copy gives no epoch again", "[clicks][identity]") {
    const qck::test::TemporaryDirectory directory;
    start_and_die(directory.path());
    const auto file = directory.path() / "node.json";
    const auto copy = directory.path() / "copy";
    std::filesystem::copy_file(file, copy);
    start_and_die(directory.path());
    start_and_die(directory.path());
    std::filesystem::rename(copy, file);
    CHECK(take(DataDirectory::open(directory.path(), "test"))->identity().epoch == 4);
}

TEST_CASE("node and epoch come from the checkpoint when it goes further than the segments",
          "[clicks][identity]") {
    const qck::test::TemporaryDirectory directory;
    std::filesystem::create_directories(directory.path() / "journal");
    const auto written =
        advance_checkpoint(directory.path() / "checkpoint", 77, nullptr, {}, {{0, {9, 3, 64}}});
    REQUIRE(written.has_value());
    const auto data = take(DataDirectory::open(directory.path(), "test"));
    CHECK(data->identity().node == 77);
    CHECK(data->identity().epoch == 10);
}

TEST_CASE("an epoch that a store has counted is passed, for good", "[clicks][identity]") {
    const qck::test::TemporaryDirectory directory;
    {
        const auto data = take(DataDirectory::open(directory.path(), "test"));
        REQUIRE(data->pass_epochs({}).has_value());
        CHECK(data->identity().epoch == 1);
        REQUIRE(data->pass_epochs({{0, {3, 0, 64}}, {1, {5, 0, 64}}}).has_value());
        CHECK(data->identity().epoch == 6);
        REQUIRE(data->pass_epochs({{0, {5, 9, 64}}}).has_value());
        CHECK(data->identity().epoch == 6);
    }
    CHECK(take(DataDirectory::open(directory.path(), "test"))->identity().epoch == 7);
}

TEST_CASE("an identity that was recovered tells what it lacks", "[clicks][identity]") {
    const qck::test::TemporaryDirectory directory;
    {
        Service service(directory.path());
        REQUIRE(service.journal->shard(0).append(click_on(1)));
    }
    std::filesystem::remove(directory.path() / "node.json");
    qck::test::CapturedStderr captured(directory.path() / "stderr");
    take(DataDirectory::open(directory.path(), "test"));
    const auto told = captured.end();
    CHECK(qck::test::occurrences(told, "event=node_identity_recovered") == 1);
    CHECK(told.find("event_id") != std::string::npos);
}
