#include "services/stores/postgres/schema.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace qck::postgres {
namespace {

/// Any number that no other program is likely to lock: "qck" in ASCII, and a 1.
constexpr const char* lock_migrations = "SELECT pg_advisory_xact_lock(1902340865)";

/// What makes one table.
struct Step {
    std::int64_t version;  ///< of the schema that has it first
    const char* table;
    const char* sql;
};
// Steps are only ever added at the end; those of a version are taken together.
constexpr Step steps[] = {
    // Links. Rows have room for the click count to change in place (HOT): no index has it. Codes
    // compare by bytes, as they do in SQLite. Removed codes keep their last version, so that a code
    // used again starts above its tombstone.
    {1, "links", R"sql(
CREATE TABLE links(
  id bigint PRIMARY KEY,
  short_code text COLLATE "C" NOT NULL UNIQUE,
  target_url text NOT NULL,
  status smallint NOT NULL,
  max_age bigint,
  expires_at timestamptz,
  version bigint NOT NULL DEFAULT 1,
  click_count bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  user_id bigint
) WITH (fillfactor = 85);
)sql"},
    {1, "link_tombstones", R"sql(
CREATE TABLE link_tombstones(
  short_code text COLLATE "C" PRIMARY KEY,
  id bigint NOT NULL,
  version bigint NOT NULL,
  removed_at timestamptz NOT NULL
);
CREATE INDEX link_tombstones_removed_at ON link_tombstones(removed_at);
)sql"},
    // Totals of each producer (`<node in hex>.<shard>`, as in Redis), absolute; class is the number
    // of clicks::ClickClass. `added` is what the last raise added, which the statement that raises
    // needs. The key covers the statistics: they are index-only scans.
    {2, "link_click_totals", R"sql(
CREATE TABLE link_click_totals(
  link_id bigint NOT NULL,
  class smallint NOT NULL,
  producer text COLLATE "C" NOT NULL,
  total bigint NOT NULL,
  added bigint NOT NULL,
  PRIMARY KEY (link_id, class, producer) INCLUDE (total)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
)sql"},
    // Codes whose change Redis may not have been told of (PostgresLinkOutbox): nearly empty, and
    // written as often as links are edited.
    {3, "link_outbox", R"sql(
CREATE TABLE link_outbox(
  short_code text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
)sql"},
};
constexpr std::int64_t newest = std::rbegin(steps)->version;

constexpr const char* make_versions =
    "CREATE TABLE IF NOT EXISTS qck_schema("
    "version bigint PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now())";

Error too_new(std::int64_t version) {
    return error(Errc::invalid_argument,
                 "the PostgreSQL schema was made by a newer qck (its version is " +
                     std::to_string(version) + ", this qck knows " + std::to_string(newest) +
                     "; use the newer one)");
}

Result<std::int64_t> version_in(Transaction& transaction) {
    auto version = transaction.execute("SELECT coalesce(max(version), 0) FROM qck_schema");
    if (!version) return version.error();
    return version->integer(0, 0);
}

/// One step, if one is left; the version before it.
Result<std::int64_t> advance(Connection& connection) {
    auto transaction = Transaction::begin(connection);
    if (!transaction) return transaction.error();
    for (const char* sql : {lock_migrations, make_versions}) {
        if (auto done = transaction->execute(sql); !done) return done.error();
    }
    const auto version = version_in(*transaction);
    if (!version) return version;
    if (*version > newest) return too_new(*version);
    if (*version < newest) {
        for (const Step& step : steps) {
            if (step.version != *version + 1) continue;
            if (auto done = transaction->execute(step.sql); !done) return done.error();
        }
        auto noted = transaction->query("INSERT INTO qck_schema(version) VALUES ($1::bigint)",
                                        Parameters().add(*version + 1));
        if (!noted) return noted.error();
    }
    if (auto done = transaction->commit(); !done) return done.error();
    return version;
}

/// Whether a table is there, of a connection or a transaction.
template <class Asked>
Result<bool> has_table(Asked& asked, const char* table) {
    const std::string question = std::string("SELECT to_regclass('") + table + "') IS NOT NULL";
    auto there = asked.execute(question.c_str());
    if (!there) return there.error();
    return there->text(0, 0) == "t";
}

template <class Asked>
Result<std::vector<std::string>> missing_tables(Asked& asked) {
    std::vector<std::string> missing;
    for (const Step& step : steps) {
        const auto there = has_table(asked, step.table);
        if (!there) return there.error();
        if (!*there) missing.emplace_back(step.table);
    }
    return missing;
}

/// Makes the tables that a schema of the newest version has lost; which they were.
Result<std::vector<std::string>> make_missing(Connection& connection) {
    auto missing = missing_tables(connection);
    if (!missing || missing->empty()) return missing;
    auto transaction = Transaction::begin(connection);
    if (!transaction) return transaction.error();
    if (auto locked = transaction->execute(lock_migrations); !locked) return locked.error();
    // Another one may have made them meanwhile.
    missing = missing_tables(*transaction);
    if (!missing) return missing;
    for (const Step& step : steps) {
        if (std::find(missing->begin(), missing->end(), step.table) == missing->end()) continue;
        if (auto done = transaction->execute(step.sql); !done) return done.error();
        // What links have is the sum of these: who gives them again adds to it.
        if (step.table != std::string_view("link_click_totals")) continue;
        const auto begun =
            transaction->execute("UPDATE links SET click_count = 0 WHERE click_count <> 0");
        if (!begun) return begun.error();
    }
    if (auto done = transaction->commit(); !done) return done.error();
    return missing;
}

}  // namespace

std::int64_t newest_schema() { return newest; }

Result<std::int64_t> schema_version(Connection& connection) {
    const auto there = has_table(connection, "qck_schema");
    if (!there) return there.error();
    if (!*there) return std::int64_t{0};
    auto version = connection.execute("SELECT coalesce(max(version), 0) FROM qck_schema");
    if (!version) return version.error();
    return version->integer(0, 0);
}

Result<SchemaChange> migrate(Connection& connection) {
    // Building an index of a large table may take its time.
    constexpr std::chrono::minutes patience{30};
    const auto before = schema_version(connection);
    if (!before) return before.error();
    if (*before > newest) return too_new(*before);
    const auto usual = connection.timeout();
    connection.set_timeout(patience);
    auto version = *before < newest ? advance(connection) : Result<std::int64_t>(newest);
    while (version && *version < newest) version = advance(connection);
    auto missing = version ? make_missing(connection) : version.error();
    connection.set_timeout(usual);
    if (!missing) return missing.error();
    return SchemaChange{*before, newest, std::move(*missing)};
}

Result<void> check_schema(Connection& connection) {
    const auto version = schema_version(connection);
    if (!version) return version.error();
    if (*version > newest) return too_new(*version);
    if (*version == newest) {
        const auto missing = missing_tables(connection);
        if (!missing) return missing.error();
        if (missing->empty()) return {};
        return error(Errc::conflict, "the PostgreSQL schema has lost the table " +
                                         missing->front() + " (run qck init --postgres URL)");
    }
    return error(Errc::conflict, "the PostgreSQL schema has version " + std::to_string(*version) +
                                     ", this qck needs " + std::to_string(newest) +
                                     " (run qck init --postgres URL)");
}

}  // namespace qck::postgres
