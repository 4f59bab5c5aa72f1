// Totals are read with the cursors that they belong to, or not at all.
#include <dlfcn.h>
#include <sqlite3.h>

#include <atomic>
#include <string_view>

#include "tests/services/clicks/journal_fixture.hpp"

using namespace qck;
using namespace qck::clicks;
using namespace qck::clicks::test;

namespace {

std::atomic<bool> begin_fails{false};

}  // namespace

/// Stands before SQLite's own for everything in this program.
extern "C" int sqlite3_exec(sqlite3* db, const char* sql, int (*each)(void*, int, char**, char**),
                            void* context, char** message) {
    static const auto real =
        reinterpret_cast<decltype(&sqlite3_exec)>(::dlsym(RTLD_NEXT, "sqlite3_exec"));
    if (begin_fails && std::string_view(sql) == "BEGIN") return SQLITE_NOMEM;
    return real(db, sql, each, context, message);
}

TEST_CASE("a walk over all totals whose transaction cannot begin is an error and visits none",
          "[clicks][counting]") {
    const qck::test::TemporaryDirectory directory;
    Service service(directory.path());
    REQUIRE(service.journal->shard(0).append(click_on(1)));
    service.flush();
    service.counting.reset();
    int visited = 0;
    const auto visit = [&](const ProducerTotal&) -> Result<void> {
        ++visited;
        return {};
    };
    begin_fails = true;
    const auto walked = service.store->each_total(visit);
    begin_fails = false;
    CHECK(walked.has_error());
    CHECK(visited == 0);
    CHECK(take(service.store->each_total(visit)).size() == 1);
    CHECK(visited == 1);
}
