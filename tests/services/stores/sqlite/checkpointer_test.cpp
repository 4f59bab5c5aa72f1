#include "services/stores/sqlite/checkpointer.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "services/stores/sqlite/write_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;

namespace {

constexpr std::uintmax_t frame_bytes = 4096 + 24;
/// At most, of one write below: the row's own pages, and those of the tree above it.
constexpr std::uintmax_t pages_of_a_write = 8;

class Written {
public:
    explicit Written(const sqlite::Checkpointer::Options& checkpoints) {
        sqlite::WriteQueue::Options options;
        options.checkpoints = checkpoints;
        auto opened = sqlite::WriteQueue::open(file(), options);
        REQUIRE(opened.has_value());
        queue_ = std::move(*opened);
        run("CREATE TABLE t(x BLOB NOT NULL)");
    }

    std::filesystem::path file() const { return directory_.path() / "some.db"; }
    std::uintmax_t log_pages() const {
        return std::filesystem::file_size(file().string() + "-wal") / frame_bytes;
    }
    /// How often the log has begun again from its start (the header's checkpoint sequence number,
    /// https://www.sqlite.org/fileformat2.html#walformat).
    std::uint32_t log_restarts() const {
        std::ifstream log(file().string() + "-wal", std::ios::binary);
        std::array<unsigned char, 16> header{};
        log.read(reinterpret_cast<char*>(header.data()), header.size());
        REQUIRE(log.good());
        std::uint32_t number = 0;
        for (std::size_t i = 12; i < header.size(); ++i) number = number << 8 | header[i];
        return number;
    }
    /// A group that writes no page.
    void write_nothing() { run("DELETE FROM t WHERE x=''"); }
    void write(int times) {
        for (int i = 0; i < times; ++i) run("INSERT INTO t VALUES(zeroblob(16384))");
    }
    std::int64_t rows() const {
        auto db = sqlite::Db::open(file());
        REQUIRE(db.has_value());
        auto count = db->prepare("SELECT count(*) FROM t");
        REQUIRE(count.has_value());
        REQUIRE(count->step().value());
        return count->integer(0);
    }

private:
    void run(const char* sql) {
        const auto done = queue_->run_blocking([sql](sqlite::Db& db) { return db.execute(sql); });
        REQUIRE(done.has_value());
    }

    test::TemporaryDirectory directory_;
    std::unique_ptr<sqlite::WriteQueue> queue_;
};

}  // namespace

TEST_CASE("a log that is written without end is folded back and stays short", "[stores][sqlite]") {
    constexpr int longest_pages = 400;
    const sqlite::Checkpointer::Options checkpoints{
        .begin_pages = 40, .rest_pages = 10, .longest_pages = longest_pages};
    Written here(checkpoints);
    here.write(1000);  // some 5,000 pages
    CHECK(here.rows() == 1000);
    // The commits of the writer's own folding, after the one that waited, come on top.
    CHECK(here.log_pages() <= longest_pages + 10 * pages_of_a_write);
}

TEST_CASE("a log begins again though no writer waits, and groups that write nothing come between",
          "[stores][sqlite]") {
    Written here({.begin_pages = 40, .rest_pages = 10, .longest_pages = 1'000'000});
    here.write(1);
    const auto restarts = here.log_restarts();
    std::int64_t rows = 1;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (here.log_restarts() < restarts + 5 && std::chrono::steady_clock::now() < until) {
        here.write(1);
        here.write_nothing();
        ++rows;
    }
    CHECK(here.log_restarts() >= restarts + 5);
    CHECK(here.rows() == rows);
}

TEST_CASE("a log that a reader holds keeps what is written, and is folded back after it",
          "[stores][sqlite]") {
    const sqlite::Checkpointer::Options checkpoints{
        .begin_pages = 40, .rest_pages = 10, .longest_pages = 100};
    Written here(checkpoints);
    here.write(1);
    {
        auto reader = sqlite::Db::open(here.file());
        REQUIRE(reader.has_value());
        auto held = reader->prepare("SELECT x FROM t");
        REQUIRE(held.has_value());
        REQUIRE(held->step().value());
        here.write(200);
        CHECK(here.log_pages() > 800);
    }
    const auto longest = here.log_pages();
    here.write(400);
    CHECK(here.rows() == 601);
    CHECK(here.log_pages() <= longest + 10 * pages_of_a_write);
}
