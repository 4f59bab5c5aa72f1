#include "services/stores/sqlite/gathering_vfs.hpp"

#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <string>

#include "services/stores/sqlite/sqlite_db.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck;

namespace {

/// A connection that knows nothing of the VFS, as another program has it.
class PlainReader {
public:
    explicit PlainReader(const std::filesystem::path& file) {
        sqlite3* handle = nullptr;
        REQUIRE(sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr) ==
                SQLITE_OK);
        handle_.reset(handle);
    }
    std::string ask(const char* sql) {
        std::string answer;
        const auto take = [](void* to, int, char** values, char**) {
            *static_cast<std::string*>(to) = values[0];
            return 0;
        };
        REQUIRE(sqlite3_exec(handle_.get(), sql, take, &answer, nullptr) == SQLITE_OK);
        return answer;
    }

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

std::uint64_t writes_of_this_process() {
    std::ifstream file("/proc/self/io");
    for (std::string name; file >> name;) {
        std::uint64_t value = 0;
        file >> value;
        if (name == "syscw:") return value;
    }
    return 0;
}

void run(sqlite::Db& db, const std::string& sql) {
    const auto done = db.execute(sql.c_str());
    if (!done) FAIL(done.error().message);
}

/// Rows in random places of an index, each on a page of its own as far as there are.
std::string insert_of(int rows) {
    return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" +
           std::to_string(rows) + ") INSERT INTO t(code) SELECT hex(randomblob(40)) FROM n";
}

struct Fixture {
    test::TemporaryDirectory directory;
    std::filesystem::path file = directory.path() / "some.db";
    sqlite::Db db = sqlite::Db::open(file).value();

    Fixture() { run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT UNIQUE)"); }
};

}  // namespace

TEST_CASE("what is committed is in the log for others, whatever the size of the transaction",
          "[sqlite]") {
    Fixture here;
    run(here.db, "PRAGMA wal_autocheckpoint=400");
    // From a page to more than what is gathered, and more than the cache holds (2 MB): then pages
    // are written before the commit, and again.
    int stored = 0;
    for (const int rows : {1, 1, 20, 300, 3'000, 1, 60'000, 1, 5'000}) {
        CAPTURE(rows, stored);
        run(here.db, "BEGIN IMMEDIATE");
        run(here.db, insert_of(rows));
        run(here.db, "UPDATE t SET code='last' || id WHERE id=(SELECT max(id) FROM t)");
        run(here.db, "COMMIT");
        stored += rows;
        PlainReader reader(here.file);
        REQUIRE(reader.ask("SELECT count(*) FROM t") == std::to_string(stored));
    }
    PlainReader reader(here.file);
    CHECK(reader.ask("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a transaction that is given up leaves nothing, and the next one is whole", "[sqlite]") {
    Fixture here;
    run(here.db, insert_of(1'000));
    for (const int rows : {10, 60'000}) {  // in memory alone, and written in part
        run(here.db, "BEGIN IMMEDIATE");
        run(here.db, insert_of(rows));
        here.db.rollback();
        run(here.db, insert_of(10));
    }
    PlainReader reader(here.file);
    CHECK(reader.ask("SELECT count(*) FROM t") == "1020");
    CHECK(reader.ask("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a log is copied whole while its writer lives, as kill -9 leaves it", "[sqlite]") {
    Fixture here;
    run(here.db, insert_of(3'000));
    run(here.db, "BEGIN IMMEDIATE");
    run(here.db, insert_of(500));  // not committed, so not to be found
    const auto copy = here.directory.path() / "copy.db";
    std::filesystem::copy(here.file, copy);
    std::filesystem::copy(here.file.string() + "-wal", copy.string() + "-wal");
    PlainReader reader(copy);
    CHECK(reader.ask("SELECT count(*) FROM t") == "3000");
    CHECK(reader.ask("PRAGMA integrity_check") == "ok");
}

TEST_CASE("the pages of a transaction are written together", "[sqlite]") {
    Fixture here;
    run(here.db, "PRAGMA wal_autocheckpoint=0");
    run(here.db, insert_of(20'000));
    const auto before = writes_of_this_process();
    run(here.db, insert_of(200));  // nearly as many pages
    const auto writes = writes_of_this_process() - before;
    CAPTURE(writes);
    CHECK(writes > 0);
    CHECK(writes < 60);
}

TEST_CASE("a log that cannot grow fails the commit, and what was there stays", "[sqlite]") {
    Fixture here;
    run(here.db, "PRAGMA wal_autocheckpoint=0");
    run(here.db, insert_of(1'000));
    const auto log_bytes = std::filesystem::file_size(here.file.string() + "-wal");
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = before;
    limit.rlim_cur = log_bytes + 20'000;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto done = here.db.execute(insert_of(900).c_str());
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    REQUIRE_FALSE(done.has_value());
    here.db.rollback();
    CHECK(PlainReader(here.file).ask("SELECT count(*) FROM t") == "1000");
    run(here.db, insert_of(5));
    PlainReader reader(here.file);
    CHECK(reader.ask("SELECT count(*) FROM t") == "1005");
    CHECK(reader.ask("PRAGMA integrity_check") == "ok");
}
