#include "services/stores/sqlite/sqlite_click_store.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/units.hpp"

namespace qck::sqlite {
namespace {

using clicks::ClickClass;
using clicks::Cursor;

// Counts are derived, so the file has one version: one of another version is refused, and deleting
// it makes it anew from the journal.
constexpr std::int64_t schema_version = 1;
constexpr const char* schema = R"sql(
CREATE TABLE producers(
  id INTEGER PRIMARY KEY,
  node INTEGER NOT NULL,
  shard INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  segment INTEGER NOT NULL,
  byte_offset INTEGER NOT NULL,
  UNIQUE(node, shard)
) STRICT;
CREATE TABLE click_totals(
  link_id INTEGER NOT NULL,
  producer INTEGER NOT NULL,
  class INTEGER NOT NULL,
  total INTEGER NOT NULL,
  PRIMARY KEY(link_id, producer, class)
) STRICT, WITHOUT ROWID;
CREATE TABLE click_hours(
  link_id INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  class INTEGER NOT NULL,
  clicks INTEGER NOT NULL,
  PRIMARY KEY(link_id, hour, class)
) STRICT, WITHOUT ROWID;
CREATE TABLE event_hours(
  hour INTEGER NOT NULL,
  type TEXT NOT NULL,
  events INTEGER NOT NULL,
  amounts INTEGER NOT NULL,
  sum_units INTEGER NOT NULL,
  sum_micros INTEGER NOT NULL,
  min_micros INTEGER,
  max_micros INTEGER,
  PRIMARY KEY(hour, type)
) STRICT, WITHOUT ROWID;
CREATE TABLE revision(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  batches INTEGER NOT NULL
) STRICT;
INSERT INTO revision VALUES(1, 0);
PRAGMA user_version=1;
)sql";

constexpr std::size_t writer_cache_bytes = 8 * 1024 * 1024;

Result<std::int64_t> one_integer(Db& db, const char* sql) {
    auto statement = db.cached(sql);
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    const auto row = scope->step();
    if (!row) return row.error();
    return *row ? scope->integer(0) : 0;
}

Result<void> make_schema(Db& db) {
    auto version = one_integer(db, "PRAGMA user_version");
    if (!version) return version.error();
    if (*version == 0) {
        if (auto locked = db.begin(); !locked) return locked;
        auto done = db.execute(schema);
        if (done) done = db.commit();
        if (!done) db.rollback();
        return done;
    }
    if (*version == schema_version) return {};
    return error(
        Errc::invalid_argument,
        db.path() + " was written by another qck (its version is " + std::to_string(*version) +
            "); it holds counts only: move it away and they are made anew from the journal");
}

/// A read transaction: what is read in it is of one instant.
class Snapshot {
public:
    explicit Snapshot(Db& db) : db_(db), begun_(db.execute("BEGIN")) {}
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    ~Snapshot() { db_.rollback(); }
    const Result<void>& begun() const { return begun_; }
    Result<std::uint64_t> revision() {
        if (!begun_) return begun_.error();
        const auto batches = one_integer(db_, "SELECT batches FROM revision");
        if (!batches) return batches.error();
        return static_cast<std::uint64_t>(*batches);
    }

private:
    Db& db_;
    Result<void> begun_;
};

Result<std::vector<clicks::ProducerCursor>> read_cursors(Db& db, std::uint64_t node) {
    auto statement = db.cached(
        "SELECT shard, epoch, segment, byte_offset FROM producers WHERE node = ? ORDER BY shard");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, node);
    std::vector<clicks::ProducerCursor> cursors;
    const auto read = scope->each_row([&cursors](const Statement& row) {
        cursors.push_back({static_cast<std::uint16_t>(row.integer(0)),
                           {static_cast<std::uint32_t>(row.integer(1)),
                            static_cast<std::uint32_t>(row.integer(2)),
                            static_cast<std::uint32_t>(row.integer(3))}});
    });
    if (!read) return read.error();
    return cursors;
}

/// Of a row that gives link, shard, class, total; nothing for a class of a later qck.
std::optional<clicks::ProducerTotal> total_row(const Statement& row) {
    const auto click_class = static_cast<std::uint64_t>(row.integer(2));
    if (click_class >= clicks::click_class_count) return std::nullopt;
    return clicks::ProducerTotal{
        static_cast<std::uint64_t>(row.integer(0)), static_cast<std::uint16_t>(row.integer(1)),
        static_cast<ClickClass>(click_class), static_cast<std::uint64_t>(row.integer(3))};
}

Result<void> append_totals(Statement& statement, std::vector<clicks::ProducerTotal>& totals) {
    return statement.each_row([&totals](const Statement& row) {
        if (const auto total = total_row(row)) totals.push_back(*total);
    });
}

clicks::EventCount event_row(const Statement& row) {
    clicks::EventCount count;
    count.hour = static_cast<std::uint32_t>(row.integer(0));
    count.type = row.text(1);
    count.count = static_cast<std::uint64_t>(row.integer(2));
    count.amounts = static_cast<std::uint64_t>(row.integer(3));
    count.sum_units = row.integer(4);
    count.sum_micros = row.integer(5);
    count.min_micros = row.integer(6);
    count.max_micros = row.integer(7);
    return count;
}

}  // namespace

Result<std::unique_ptr<SqliteClickStore>> SqliteClickStore::open(const std::filesystem::path& file,
                                                                 std::uint64_t node,
                                                                 OpenMode mode) {
    DbOptions options;
    options.mode = mode;
    options.page_cache_bytes = writer_cache_bytes;
    auto writer = Db::open(file, options);
    if (!writer) return writer.error();
    if (mode == OpenMode::create) {
        if (auto made = make_schema(*writer); !made) return made.error();
    }
    options.mode = OpenMode::read_only;
    options.page_cache_bytes /= 4;
    auto reader = Db::open(file, options);
    if (!reader) return reader.error();
    return std::unique_ptr<SqliteClickStore>(
        new SqliteClickStore(std::move(*writer), std::move(*reader), node));
}

Result<clicks::Reading<std::vector<clicks::ProducerCursor>>> SqliteClickStore::cursors() {
    const std::lock_guard lock(reader_mutex_);
    Snapshot snapshot(reader_);
    const auto revision = snapshot.revision();
    if (!revision) return revision.error();
    auto found = read_cursors(reader_, node_);
    if (!found) return found.error();
    return clicks::Reading<std::vector<clicks::ProducerCursor>>{std::move(*found), *revision};
}

Result<clicks::Reading<clicks::ClassTotals>> SqliteClickStore::link_totals(std::uint64_t link_id) {
    const std::lock_guard lock(reader_mutex_);
    Snapshot snapshot(reader_);
    const auto revision = snapshot.revision();
    if (!revision) return revision.error();
    auto statement = reader_.cached("SELECT class, total FROM click_totals WHERE link_id = ?");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, link_id);
    clicks::Reading<clicks::ClassTotals> reading{{}, *revision};
    const auto read = scope->each_row([&reading](const Statement& row) {
        const auto click_class = static_cast<std::size_t>(row.integer(0));
        if (click_class < clicks::click_class_count) {
            reading.value.by_class[click_class] += static_cast<std::uint64_t>(row.integer(1));
        }
    });
    if (!read) return read.error();
    return reading;
}

Result<clicks::Reading<std::vector<clicks::HourCount>>> SqliteClickStore::link_hours(
    std::uint64_t link_id, std::uint32_t since_hour, std::uint32_t until_hour) {
    const std::lock_guard lock(reader_mutex_);
    Snapshot snapshot(reader_);
    const auto revision = snapshot.revision();
    if (!revision) return revision.error();
    auto statement = reader_.cached(
        "SELECT hour, class, clicks FROM click_hours WHERE link_id = ? AND hour >= ? AND hour < ? "
        "ORDER BY hour");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, link_id).bind(2, std::int64_t{since_hour}).bind(3, std::int64_t{until_hour});
    clicks::Reading<std::vector<clicks::HourCount>> reading{{}, *revision};
    const auto read = scope->each_row([&reading](const Statement& row) {
        const auto hour = static_cast<std::uint32_t>(row.integer(0));
        const auto click_class = static_cast<std::size_t>(row.integer(1));
        if (click_class >= clicks::click_class_count) return;
        if (reading.value.empty() || reading.value.back().hour != hour) {
            reading.value.push_back({hour, {}});
        }
        reading.value.back().clicks.by_class[click_class] +=
            static_cast<std::uint64_t>(row.integer(2));
    });
    if (!read) return read.error();
    return reading;
}

Result<clicks::Reading<std::vector<clicks::EventCount>>> SqliteClickStore::event_hours(
    std::string_view type, std::uint32_t since_hour, std::uint32_t until_hour) {
    const std::lock_guard lock(reader_mutex_);
    Snapshot snapshot(reader_);
    const auto revision = snapshot.revision();
    if (!revision) return revision.error();
    auto statement = reader_.cached(
        "SELECT hour, type, events, amounts, sum_units, sum_micros, min_micros, max_micros "
        "FROM event_hours WHERE hour >= ?1 AND hour < ?2 AND (?3 = '' OR type = ?3) "
        "ORDER BY hour, type LIMIT ?4");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, std::int64_t{since_hour})
        .bind(2, std::int64_t{until_hour})
        .bind(3, type)
        .bind(4, static_cast<std::int64_t>(event_rows_max + 1));
    clicks::Reading<std::vector<clicks::EventCount>> reading{{}, *revision};
    // One more than may be answered is read, to tell that there are more.
    const auto read = scope->each_row(
        [&reading](const Statement& row) { reading.value.push_back(event_row(row)); });
    if (!read) return read.error();
    if (reading.value.size() > event_rows_max) {
        return error(Errc::invalid_argument,
                     "that is more than " + format_count(event_rows_max) +
                         " hours and types: narrow since and until, or name a type");
    }
    return reading;
}

Result<std::vector<clicks::LinkClicks>> SqliteClickStore::most_clicked(std::uint32_t since_hour,
                                                                       std::size_t links_max) {
    const std::lock_guard lock(reader_mutex_);
    auto statement = reader_.cached(
        "SELECT link_id, sum(clicks) AS clicks FROM click_hours WHERE hour >= ? AND link_id != 0 "
        "GROUP BY link_id ORDER BY clicks DESC, link_id LIMIT ?");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, std::int64_t{since_hour}).bind(2, static_cast<std::int64_t>(links_max));
    std::vector<clicks::LinkClicks> links;
    const auto read = scope->each_row([&links](const Statement& row) {
        links.push_back({static_cast<std::uint64_t>(row.integer(0)),
                         static_cast<std::uint64_t>(row.integer(1))});
    });
    if (!read) return read.error();
    return links;
}

Result<clicks::Reading<std::vector<clicks::ProducerTotal>>> SqliteClickStore::totals_of(
    std::span<const std::uint64_t> links) {
    std::vector<std::uint64_t> ascending(links.begin(), links.end());
    std::sort(ascending.begin(), ascending.end());
    const std::lock_guard lock(reader_mutex_);
    Snapshot snapshot(reader_);
    const auto revision = snapshot.revision();
    if (!revision) return revision.error();
    auto statement = reader_.cached(
        "SELECT t.link_id, p.shard, t.class, t.total FROM click_totals t "
        "CROSS JOIN producers p ON p.id = t.producer WHERE t.link_id = ? AND p.node = ? "
        "ORDER BY p.shard, t.class");
    if (!statement) return statement.error();
    clicks::Reading<std::vector<clicks::ProducerTotal>> reading{{}, *revision};
    for (const auto link : ascending) {
        const StatementScope scope(**statement);
        scope->bind(1, link).bind(2, node_);
        if (auto read = append_totals(*scope, reading.value); !read) return read.error();
    }
    return reading;
}

Result<clicks::Reading<std::vector<clicks::ProducerTotal>>> SqliteClickStore::totals_after(
    std::optional<std::uint64_t> after, std::size_t links_max) {
    const std::lock_guard lock(reader_mutex_);
    Snapshot snapshot(reader_);
    const auto revision = snapshot.revision();
    if (!revision) return revision.error();
    auto statement = reader_.cached(
        "SELECT t.link_id, p.shard, t.class, t.total FROM click_totals t "
        "CROSS JOIN producers p ON p.id = t.producer WHERE p.node = ?1 AND t.link_id IN ("
        "SELECT DISTINCT u.link_id FROM click_totals u CROSS JOIN producers q ON q.id = u.producer "
        "WHERE q.node = ?1 AND u.link_id > ?2 ORDER BY u.link_id LIMIT ?3) "
        "ORDER BY t.link_id, p.shard, t.class");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, node_)
        .bind(2, after ? static_cast<std::int64_t>(*after) : std::int64_t{-1})
        .bind(3, static_cast<std::int64_t>(links_max));
    clicks::Reading<std::vector<clicks::ProducerTotal>> reading{{}, *revision};
    if (auto read = append_totals(*scope, reading.value); !read) return read.error();
    return reading;
}

Result<std::vector<clicks::ProducerCursor>> SqliteClickStore::each_total(
    const std::function<Result<void>(const clicks::ProducerTotal&)>& visit) {
    const std::lock_guard lock(reader_mutex_);
    const Snapshot snapshot(reader_);
    if (!snapshot.begun()) return snapshot.begun().error();
    auto cursors = read_cursors(reader_, node_);
    if (!cursors) return cursors;
    auto statement = reader_.cached(
        "SELECT t.link_id, p.shard, t.class, t.total FROM click_totals t "
        "CROSS JOIN producers p ON p.id = t.producer WHERE p.node = ? "
        "ORDER BY t.link_id, p.shard, t.class");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, node_);
    while (true) {
        const auto row = scope->step();
        if (!row) return row.error();
        if (!*row) return cursors;
        const auto total = total_row(*scope);
        if (!total) continue;
        if (auto visited = visit(*total); !visited) return visited.error();
    }
}

}  // namespace qck::sqlite
