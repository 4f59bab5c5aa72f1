// The writing half of SqliteClickStore: batches of counts, and totals brought up to the journal's.
#include <map>
#include <string>
#include <utility>

#include "services/stores/sqlite/sqlite_click_store.hpp"

namespace qck::sqlite {
namespace {

using clicks::ClickCount;
using clicks::Cursor;
using clicks::ProducerCursor;

struct Producer {
    std::int64_t id = 0;
    Cursor at;
};

Result<std::optional<Producer>> find_producer(Db& db, std::uint64_t node, std::uint16_t shard) {
    auto statement = db.cached(
        "SELECT id, epoch, segment, byte_offset FROM producers WHERE node = ? AND shard = ?");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, node).bind(2, int{shard});
    const auto row = scope->step();
    if (!row) return row.error();
    if (!*row) return std::optional<Producer>();
    return std::optional(Producer{scope->integer(0),
                                  {static_cast<std::uint32_t>(scope->integer(1)),
                                   static_cast<std::uint32_t>(scope->integer(2)),
                                   static_cast<std::uint32_t>(scope->integer(3))}});
}

Result<void> set_cursor(Db& db, std::uint64_t node, std::uint16_t shard, const Cursor& at) {
    auto statement = db.cached(
        "INSERT INTO producers(node, shard, epoch, segment, byte_offset) VALUES(?, ?, ?, ?, ?) "
        "ON CONFLICT(node, shard) DO UPDATE SET epoch = excluded.epoch, "
        "segment = excluded.segment, byte_offset = excluded.byte_offset");
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, node)
        .bind(2, int{shard})
        .bind(3, std::int64_t{at.epoch})
        .bind(4, std::int64_t{at.segment})
        .bind(5, std::int64_t{at.offset});
    return scope->run();
}

/// Ids of producers by shard, each looked up once a batch.
class ProducerIds {
public:
    ProducerIds(Db& db, std::uint64_t node) : db_(db), node_(node) {}
    Result<std::int64_t> operator()(std::uint16_t shard) {
        const auto known = ids_.find(shard);
        if (known != ids_.end()) return known->second;
        auto found = find_producer(db_, node_, shard);
        if (!found) return found.error();
        if (!*found) {
            if (auto made = set_cursor(db_, node_, shard, {}); !made) return made.error();
            found = find_producer(db_, node_, shard);
            if (!found) return found.error();
        }
        return ids_[shard] = (*found)->id;
    }

private:
    Db& db_;
    std::uint64_t node_;
    std::map<std::uint16_t, std::int64_t> ids_;
};

Result<void> write_total(Db& db, const char* sql, std::uint64_t link_id, std::int64_t producer,
                         clicks::ClickClass click_class, std::uint64_t total) {
    auto statement = db.cached(sql);
    if (!statement) return statement.error();
    const StatementScope scope(**statement);
    scope->bind(1, link_id).bind(2, producer).bind(3, static_cast<int>(click_class)).bind(4, total);
    return scope->run();
}

constexpr const char* add_total =
    "INSERT INTO click_totals(link_id, producer, class, total) VALUES(?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET total = total + excluded.total";
constexpr const char* raise_total =
    "INSERT INTO click_totals(link_id, producer, class, total) VALUES(?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET total = max(total, excluded.total)";

/// `counts` are sorted by link, shard, class, hour, so those of one total stand together.
Result<void> add_totals(Db& db, std::uint64_t node, const std::vector<ClickCount>& counts) {
    ProducerIds ids(db, node);
    for (std::size_t at = 0; at < counts.size();) {
        const ClickCount& first = counts[at];
        std::uint64_t total = 0;
        for (; at < counts.size() && counts[at].link_id == first.link_id &&
               counts[at].shard == first.shard && counts[at].click_class == first.click_class;
             ++at) {
            total += counts[at].count;
        }
        const auto producer = ids(first.shard);
        if (!producer) return producer.error();
        auto written =
            write_total(db, add_total, first.link_id, *producer, first.click_class, total);
        if (!written) return written;
    }
    return {};
}

Result<void> add_hours(Db& db, const std::vector<ClickCount>& counts) {
    auto statement = db.cached(
        "INSERT INTO click_hours(link_id, hour, class, clicks) VALUES(?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET clicks = clicks + excluded.clicks");
    if (!statement) return statement.error();
    for (const ClickCount& count : counts) {
        const StatementScope scope(**statement);
        scope->bind(1, count.link_id)
            .bind(2, std::int64_t{count.hour})
            .bind(3, static_cast<int>(count.click_class))
            .bind(4, count.count);
        if (auto written = scope->run(); !written) return written;
    }
    return {};
}

Result<void> add_events(Db& db, const std::vector<clicks::EventCount>& counts) {
    // An hour without amounts has no smallest one: NULL, which coalesce() passes over.
    auto statement = db.cached(
        "INSERT INTO event_hours(hour, type, events, amounts, sum_units, sum_micros, min_micros, "
        "max_micros) VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "events = events + excluded.events, amounts = amounts + excluded.amounts, "
        "sum_units = sum_units + excluded.sum_units + "
        "(sum_micros + excluded.sum_micros) / 1000000, "
        "sum_micros = (sum_micros + excluded.sum_micros) % 1000000, "
        "min_micros = coalesce(min(min_micros, excluded.min_micros), min_micros, "
        "excluded.min_micros), "
        "max_micros = coalesce(max(max_micros, excluded.max_micros), max_micros, "
        "excluded.max_micros)");
    if (!statement) return statement.error();
    for (const auto& count : counts) {
        const StatementScope scope(**statement);
        scope->bind(1, std::int64_t{count.hour})
            .bind(2, std::string_view(count.type))
            .bind(3, count.count)
            .bind(4, count.amounts)
            .bind(5, count.sum_units)
            .bind(6, count.sum_micros);
        if (count.amounts > 0) {
            scope->bind(7, count.min_micros).bind(8, count.max_micros);
        } else {
            scope->bind_null(7).bind_null(8);
        }
        if (auto written = scope->run(); !written) return written;
    }
    return {};
}

Result<void> raise_revision(Db& db) {
    auto statement = db.cached("UPDATE revision SET batches = batches + 1");
    if (!statement) return statement.error();
    return (*statement)->run();
}

}  // namespace

Result<void> SqliteClickStore::in_transaction(const std::function<Result<void>()>& work) {
    const std::lock_guard lock(writer_mutex_);
    if (auto begun = writer_.begin(); !begun) return begun;
    auto done = work();
    if (done) done = raise_revision(writer_);
    if (done) done = writer_.commit();
    if (!done) writer_.rollback();
    return done;
}

Result<void> SqliteClickStore::apply(const clicks::CountBatch& batch) {
    return in_transaction([&] { return write_batch(batch); });
}

Result<void> SqliteClickStore::write_batch(const clicks::CountBatch& batch) {
    for (const auto& move : batch.moves) {
        const auto producer = find_producer(writer_, node_, move.shard);
        if (!producer) return producer.error();
        const Cursor stands = *producer ? (*producer)->at : Cursor{};
        if (stands != move.from) {
            return error(Errc::conflict, writer_.path() + " is at another place of shard " +
                                             std::to_string(move.shard) +
                                             " than this batch begins at");
        }
        if (auto moved = set_cursor(writer_, node_, move.shard, move.to); !moved) return moved;
    }
    if (auto added = add_totals(writer_, node_, batch.clicks); !added) return added;
    if (auto added = add_hours(writer_, batch.clicks); !added) return added;
    return add_events(writer_, batch.events);
}

Result<void> SqliteClickStore::raise(const std::vector<ProducerCursor>& cursors,
                                     const clicks::TotalSource& totals,
                                     const clicks::HourSource& hours, bool exact) {
    return in_transaction([&] { return write_raise(cursors, totals, hours, exact); });
}

Result<void> SqliteClickStore::write_raise(const std::vector<ProducerCursor>& cursors,
                                           const clicks::TotalSource& totals,
                                           const clicks::HourSource& hours, bool exact) {
    for (const auto& cursor : cursors) {
        auto set = set_cursor(writer_, node_, cursor.shard, cursor.at);
        if (!set) return set;
    }
    if (exact) {
        auto statement = writer_.cached(
            "DELETE FROM click_totals WHERE producer IN (SELECT id FROM producers WHERE node = ?)");
        if (!statement) return statement.error();
        if (auto gone = (*statement)->bind(1, node_).run(); !gone) return gone;
    }
    ProducerIds ids(writer_, node_);
    clicks::ProducerTotal total;
    while (true) {
        const auto more = totals(total);
        if (!more) return more.error();
        if (!*more) break;
        const auto producer = ids(total.shard);
        if (!producer) return producer.error();
        auto written = write_total(writer_, raise_total, total.link_id, *producer,
                                   total.click_class, total.total);
        if (!written) return written;
    }
    while (true) {
        clicks::CountBatch part;
        const auto more = hours(part);
        if (!more) return more.error();
        if (!*more) return {};
        if (auto added = add_hours(writer_, part.clicks); !added) return added;
        if (auto added = add_events(writer_, part.events); !added) return added;
    }
}

}  // namespace qck::sqlite
