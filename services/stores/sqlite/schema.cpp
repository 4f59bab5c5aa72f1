#include "services/stores/sqlite/schema.hpp"

#include <iterator>
#include <string>

namespace qck::sqlite {
namespace {

// Step n brings a file from version n to n + 1. Steps are only ever added at the end.
constexpr const char* steps[] = {
    // Links. The rowid is the Snowflake id, which grows, so inserts of rows append; the unique
    // index
    // serves lookups and listing by code. Removed codes keep their last version for a day, so that
    // a
    // code used again starts above its tombstone.
    R"sql(
CREATE TABLE links(
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,
  target TEXT NOT NULL,
  status INTEGER NOT NULL,
  max_age_s INTEGER,
  expires_at_ms INTEGER,
  version INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE removed_links(
  code TEXT PRIMARY KEY,
  id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  removed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
    // Codes whose change Redis may not have been told of (SqliteLinkOutbox).
    R"sql(
CREATE TABLE link_outbox(
  code TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  noted_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql",
};
constexpr std::int64_t newest = std::size(steps);

Result<std::int64_t> version_of(Db& db) {
    auto statement = db.prepare("PRAGMA user_version");
    if (!statement) return statement.error();
    auto row = statement->step();
    if (!row) return row.error();
    return statement->integer(0);
}

Result<void> run_steps(Db& db, std::int64_t from) {
    for (auto step = from; step < newest; ++step) {
        if (auto done = db.execute(steps[step]); !done) return done;
    }
    const std::string mark = "PRAGMA user_version=" + std::to_string(newest);
    return db.execute(mark.c_str());
}

}  // namespace

Result<void> migrate(Db& db) {
    auto before = version_of(db);
    if (!before) return before.error();
    if (*before == newest) return {};
    if (auto locked = db.begin(); !locked) return locked;
    auto version = version_of(db);  // again, under the lock: another process may have been first
    if (version && *version > newest) {
        db.rollback();
        return error(Errc::invalid_argument, "database " + db.path() +
                                                 " was written by a newer qck (its version is " +
                                                 std::to_string(*version) + ", this qck knows " +
                                                 std::to_string(newest) + "; use the newer one)");
    }
    auto done = version ? run_steps(db, *version) : Result<void>(version.error());
    if (done) done = db.commit();
    if (!done) db.rollback();
    return done;
}

}  // namespace qck::sqlite
