#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click.hpp"

namespace qck::clicks {

/// A place in one producer's journal: everything before it was taken. Orders by time of writing.
struct Cursor {
    std::uint32_t epoch = 0;
    std::uint32_t segment = 0;
    std::uint32_t offset = 0;  ///< bytes from the segment's beginning; 0 before its first record
    friend auto operator<=>(const Cursor&, const Cursor&) = default;
};

/// Where the journal of a new data directory begins.
inline constexpr Cursor journal_begin{1, 0, 0};

/// A producer, within one data directory (whose node id is the other half of its name).
struct ProducerCursor {
    std::uint16_t shard = 0;
    Cursor at;
    friend bool operator==(const ProducerCursor&, const ProducerCursor&) = default;
};

/// Clicks of one link in one hour, of one class and producer: the unit that totals and rollups are
/// made of.
struct ClickCount {
    std::uint64_t link_id = 0;
    std::uint32_t hour = 0;  ///< hours since 1970, UTC
    std::uint16_t shard = 0;
    ClickClass click_class = ClickClass::human;
    std::uint64_t count = 0;
};

/// Ingested events of one type in one hour. Amounts are whole units and millionths, summed apart so
/// that they cannot overflow.
struct EventCount {
    std::string type;
    std::uint32_t hour = 0;
    std::uint64_t count = 0;
    std::uint64_t amounts = 0;  ///< how many of them had an amount
    std::int64_t sum_units = 0;
    std::int64_t sum_micros = 0;  ///< below one unit in each event
    std::int64_t min_micros = 0;  ///< of one event; meaningless without amounts
    std::int64_t max_micros = 0;
};

/// What was counted since the last batch, and the cursors it takes the producers from and to.
struct CountBatch {
    struct Move {
        std::uint16_t shard = 0;
        Cursor from;
        Cursor to;
    };
    std::vector<Move> moves;
    std::vector<ClickCount> clicks;  ///< sorted by link, shard, class, hour
    std::vector<EventCount> events;
};

/// The total of a link by one producer and class.
struct ProducerTotal {
    std::uint64_t link_id = 0;
    std::uint16_t shard = 0;
    ClickClass click_class = ClickClass::human;
    std::uint64_t total = 0;
};
/// Gives the next total in order of (link, shard, class), or false at the end.
using TotalSource = std::function<Result<bool>(ProducerTotal&)>;
/// Gives the next part (clicks and events; no moves), or false at the end.
using HourSource = std::function<Result<bool>(CountBatch&)>;

/// What was read, and how many batches the store had taken at that instant: lets a reader know
/// whether a batch on its way is in what it read.
template <class T>
struct Reading {
    T value{};
    std::uint64_t revision = 0;
};

struct LinkClicks {
    std::uint64_t link_id = 0;
    std::uint64_t clicks = 0;  ///< of all classes
};

struct HourCount {
    std::uint32_t hour = 0;
    ClassTotals clicks;
};

/// Where counts are kept for reading; derived from the journal, and healed from it.
///
/// Exactly once: a batch and its cursors are one transaction, and a batch whose `from` is not where
/// the store stands is refused, so sending again is harmless. Blocking; thread-safe.
class ClickStore {
public:
    virtual ~ClickStore() = default;

    /// Of every producer seen so far, at one instant.
    virtual Result<Reading<std::vector<ProducerCursor>>> cursors() = 0;
    /// All or nothing; raises the revision by one. Errc::conflict: a cursor is not at its `from`;
    /// load cursors() again.
    virtual Result<void> apply(const CountBatch& batch) = 0;
    /// Brings producers' totals up to absolute ones and sets cursors, in one transaction; the
    /// larger of old and new is kept unless `exact`. Counts of `hours` are added to the hours and
    /// events alone. For healing and repair. Raises the revision by one.
    virtual Result<void> raise(const std::vector<ProducerCursor>& cursors,
                               const TotalSource& totals, const HourSource& hours, bool exact) = 0;

    virtual Result<Reading<ClassTotals>> link_totals(std::uint64_t link_id) = 0;
    /// Hours in [since_hour, until_hour), ascending, those with clicks only.
    virtual Result<Reading<std::vector<HourCount>>> link_hours(std::uint64_t link_id,
                                                               std::uint32_t since_hour,
                                                               std::uint32_t until_hour) = 0;
    /// What event_hours answers at most: a type is whatever somebody sent.
    static constexpr std::size_t event_rows_max = 50'000;
    /// Hours in [since_hour, until_hour); of every type when `type` is empty; by hour, then type.
    /// Errc::invalid_argument when they are more than event_rows_max.
    virtual Result<Reading<std::vector<EventCount>>> event_hours(std::string_view type,
                                                                 std::uint32_t since_hour,
                                                                 std::uint32_t until_hour) = 0;
    /// The `links_max` links with the most clicks since that hour, most first. Reads every hour
    /// that is kept: for operators, not for visitors.
    virtual Result<std::vector<LinkClicks>> most_clicked(std::uint32_t since_hour,
                                                         std::size_t links_max) = 0;
    /// Of every link asked for, in order of (link, shard, class), all at one instant. `links` in
    /// any order, each once; those without a click give nothing.
    virtual Result<Reading<std::vector<ProducerTotal>>> totals_of(
        std::span<const std::uint64_t> links) = 0;
    /// The same of the first `links_max` links above `after` (of all when empty) that have any; no
    /// rows at the end.
    virtual Result<Reading<std::vector<ProducerTotal>>> totals_after(
        std::optional<std::uint64_t> after, std::size_t links_max) = 0;
    /// All totals in order of (link, shard, class) with the cursors they belong to, as of one
    /// instant. The callback may stop the walk by an error.
    virtual Result<std::vector<ProducerCursor>> each_total(
        const std::function<Result<void>(const ProducerTotal&)>& visit) = 0;
};

}  // namespace qck::clicks
