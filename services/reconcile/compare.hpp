#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"
#include "services/reconcile/minutes_view.hpp"
#include "services/reconcile/totals_view.hpp"

namespace qck::reconcile {

/// What a load run says of itself: the redirects that its client saw, by link code.
struct RunReport {
    std::uint64_t answered = 0;  ///< in all
    std::vector<std::pair<std::string, std::uint64_t>> by_code;
    std::uint64_t unknown = 0;  ///< of codes that were meant to be of no link
};
/// Of `dir`/report.json. Errc::not_found, Errc::invalid_argument with what is wrong, which may be
/// that no answer was of a link.
Result<RunReport> read_run_report(const std::filesystem::path& dir);

/// Counts of one link that do not agree.
struct Drift {
    std::uint64_t link_id = 0;
    /// Empty: unknown codes (id 0) or a link that is gone. With id 0: a link of the run that is not
    /// in this data directory.
    std::string code;
    std::uint64_t journal = 0;
    std::vector<std::uint64_t> stores;      ///< in the order of Comparison::stores
    std::optional<std::uint64_t> answered;  ///< by the run's client
};

/// Clicks of one link in one minute that the journal and a store of rows have differently, though
/// the numbers may be equal: then a row is missing and another is there twice.
struct MinuteDrift {
    std::uint64_t link_id = 0;
    std::string code;          ///< as Drift::code
    std::uint32_t minute = 0;  ///< since 1970
    EventDigest journal;
    EventDigest store;
};

/// How journal and a store of rows compare, minute by minute.
struct MinuteComparison {
    std::string store;
    /// The minutes of which the journal has the records; before them, totals alone are compared.
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint64_t clicks = 0;     ///< compared
    std::uint64_t differing = 0;  ///< minutes
    /// Of the first of those minutes; at most Request::drifts_max.
    std::vector<MinuteDrift> drifts;
    std::string not_compared;  ///< why it was not done; empty: it was
};

/// The clicks of all compared links in one store.
struct StoreSum {
    std::string name;
    std::uint64_t clicks = 0;
    /// Not given to it yet, since their links are in a burst.
    std::uint64_t held_back = 0;
    std::uint64_t links_held_back = 0;
};

/// So many drifts are told with the link's code. More are kept by their ids alone, for a repair.
inline constexpr std::size_t drifts_named_max = 1000;

struct Comparison {
    std::uint64_t links = 0;    ///< compared
    std::uint64_t journal = 0;  ///< clicks of all of them
    /// `sqlite` first: the totals that the service keeps beside its journal.
    std::vector<StoreSum> stores;
    /// Journaled behind the store's cursor while a service holds the directory: lag, not drift.
    std::uint64_t pending = 0;
    std::uint64_t corrupt_places = 0;
    std::optional<std::uint64_t> answered;  ///< by the run's client, of the links compared
    std::uint64_t drifting = 0;             ///< links that differ, those absent among them
    std::uint64_t absent = 0;               ///< links of the run that there are not here
    std::vector<Drift> drifts;              ///< at most Request::drifts_max of them
    /// Where there is a store of rows.
    std::optional<MinuteComparison> minutes;
    std::vector<std::string> notes;        ///< what a repair did, and what it could not; sentences
    std::optional<std::uint64_t> cleaned;  ///< keys removed from Redis, where that was asked for
    /// Journal and stores agree on every link, and no answer of the run is missing in them.
    bool agrees() const {
        return drifting == 0 && answered.value_or(0) <= journal + pending &&
               (!minutes || minutes->differing == 0);
    }
};

struct Request {
    std::filesystem::path data_dir;
    /// A service holds the directory: what is behind the store's cursor is then pending.
    bool live = false;
    /// Only these links; empty: all.
    std::vector<std::uint64_t> links;
    /// Only links that were clicked in or after the hour of this time, as far as segments are kept.
    std::optional<std::int64_t> since_ms;
    std::optional<RunReport> run;
    /// The stores that instances share; each outlives the call.
    std::vector<TotalsView*> shared;
    /// The one of them that has rows; may be null. Outlives the call, too.
    MinutesView* minutes = nullptr;
    /// Beside a service: returns once everything before `until` was given to the shared stores, but
    /// for what it returns.
    std::function<Result<std::vector<HeldBack>>(const std::vector<clicks::ProducerCursor>& until)>
        settle;
    /// Gives the codes of links in the order of the ids, empty of those that are gone; called once
    /// a comparison, with at most 2 * drifts_named_max. And back, 0 when there is none.
    std::function<std::vector<std::string>(std::span<const std::uint64_t> ids)> codes_of;
    std::function<std::uint64_t(const std::string& code)> id_of;
    std::size_t drifts_max = drifts_named_max;
    /// True: nobody waits for the answer any more. May be empty.
    std::function<bool()> given_up;
    /// Called now and then with the share done, 0..1.
    std::function<void(double)> progress;
};

/// Compares every link's count in the journal (checkpoint and later segments, folded from scratch)
/// with those of `store` and the shared stores. Exact while clicks come in: `store` is read at one
/// instant and the journal up to its cursors; a shared store, read after settle(), must lie between
/// that count and the one that the journal has afterwards. Rows are compared minute by minute as
/// far as the journal has the records: exactly those that were journaled before the cursors.
/// Blocking; stores and minutes are read at the same time. Errc::unavailable when it was given up.
Result<Comparison> compare(const Request& request, clicks::ClickStore& store);

/// Keeps of the drifts those that have names: what a person is told.
void keep_named(Comparison& comparison);

/// Raises the store to the journal's totals (never lowers it without `allow_lower`). For a
/// directory that nobody else holds.
Result<void> repair(const Request& request, clicks::ClickStore& store, bool allow_lower);

}  // namespace qck::reconcile
