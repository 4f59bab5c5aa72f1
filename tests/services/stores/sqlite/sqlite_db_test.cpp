#include "services/stores/sqlite/sqlite_db.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>

#include "services/stores/sqlite/schema.hpp"
#include "services/stores/sqlite/write_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;
using namespace qck::sqlite;

namespace {

Error failure_of(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout = {}) {
    WriteQueue::Options options;
    options.db.busy_timeout = busy_timeout;
    const auto queue = WriteQueue::open(file, options);
    REQUIRE_FALSE(queue.has_value());
    CHECK(queue.error().message.find('\n') == std::string::npos);
    CHECK(queue.error().message.find(file.string()) != std::string::npos);
    return queue.error();
}

}  // namespace

TEST_CASE("a directory that is not there is an error of opening", "[sqlite]") {
    const test::TemporaryDirectory directory;
    const auto error = failure_of(directory.path() / "none" / "links.db");
    CHECK(error.code == Errc::io);
    CHECK(error.message.find("No such file") != std::string::npos);
}

TEST_CASE("a file that is no database is called damaged and left alone", "[sqlite]") {
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "links.db";
    const std::string text(4096, 'x');
    std::ofstream(file) << text;
    CHECK(failure_of(file).code == Errc::corrupt);
    std::ifstream again(file);
    CHECK(std::string(std::istreambuf_iterator<char>(again), {}) == text);
}

TEST_CASE("a database of a newer program is refused and left alone", "[sqlite]") {
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "links.db";
    {
        auto db = Db::open(file);
        REQUIRE(db.has_value());
        REQUIRE(db->execute("PRAGMA user_version=999").has_value());
    }
    const auto error = failure_of(file);
    CHECK(error.code == Errc::invalid_argument);
    CHECK(error.message.find("newer qck") != std::string::npos);
}

TEST_CASE("a lock that another program holds is named after the time to wait", "[sqlite]") {
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "links.db";
    auto other = Db::open(file);
    REQUIRE(other.has_value());
    REQUIRE(other->begin().has_value());
    const auto error = failure_of(file, std::chrono::milliseconds(20));
    CHECK(error.code == Errc::unavailable);
    CHECK(error.message.find("locked by another program") != std::string::npos);
}

TEST_CASE("a full disk rolls the group back and says so", "[sqlite]") {
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "links.db";
    auto queue = WriteQueue::open(file, {});
    REQUIRE(queue.has_value());
    // SQLite's own bound on pages fails the same way as a disk without room.
    const auto full = (*queue)->run_blocking([](Db& db) -> Result<void> {
        if (auto bounded = db.execute("PRAGMA max_page_count=1"); !bounded) return bounded;
        return db.execute(
            "CREATE TABLE big(x); INSERT INTO big VALUES(1); INSERT INTO big "
            "VALUES(zeroblob(9e6))");
    });
    REQUIRE_FALSE(full.has_value());
    CHECK(full.error().code == Errc::unavailable);
    CHECK(full.error().message.find("the disk is full") != std::string::npos);
    const auto gone = (*queue)->run_blocking(
        [](Db& db) -> Result<void> { return db.execute("SELECT * FROM big"); });
    CHECK_FALSE(gone.has_value());
}

TEST_CASE("a read-only directory is named with what to do", "[sqlite][skippable]") {
    if (::geteuid() == 0) {
        QCK_SKIP("root writes everywhere");
    }
    const test::TemporaryDirectory directory;
    const auto inner = directory.path() / "inner";
    std::filesystem::create_directory(inner);
    ::chmod(inner.c_str(), 0555);
    const auto error = failure_of(inner / "links.db");
    ::chmod(inner.c_str(), 0755);
    CHECK(error.code == Errc::io);
}

TEST_CASE("a job that fails takes no other of its group with it", "[sqlite]") {
    struct Job : WriteJob {
        Job(const char* s, std::atomic<int>& g, std::atomic<int>& b) : sql(s), good(g), bad(b) {}
        Result<void> run(Db& db) override { return db.execute(sql); }
        void finished(const Result<void>& outcome) override { ++(outcome ? good : bad); }
        const char* sql;
        std::atomic<int>& good;
        std::atomic<int>& bad;
    };
    const test::TemporaryDirectory directory;
    auto queue = WriteQueue::open(directory.path() / "links.db", {});
    REQUIRE(queue.has_value());
    REQUIRE((*queue)
                ->run_blocking([](Db& db) -> Result<void> {
                    return db.execute("CREATE TABLE t(x INTEGER PRIMARY KEY)");
                })
                .has_value());
    std::atomic<int> good{0};
    std::atomic<int> bad{0};
    for (int i = 0; i < 100; ++i) {
        const char* sql =
            i == 50 ? "INSERT INTO t VALUES('no number')" : "INSERT INTO t VALUES(NULL)";
        (*queue)->submit(std::make_unique<Job>(sql, good, bad));
    }
    std::int64_t rows = 0;
    REQUIRE((*queue)
                ->run_blocking([&rows](Db& db) -> Result<void> {
                    auto count = db.prepare("SELECT count(*) FROM t");
                    if (!count) return count.error();
                    if (auto row = count->step(); !row) return row.error();
                    rows = count->integer(0);
                    return {};
                })
                .has_value());
    (*queue)->close();
    CHECK(good == 99);
    CHECK(bad == 1);
    CHECK(rows == 99);
}
