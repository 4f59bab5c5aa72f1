#include "cli/commands/reconcile_repair.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/reconcile/compare_minutes.hpp"
#include "services/reconcile/weights.hpp"

namespace qck::commands {
namespace {

using reconcile::Comparison;
using reconcile::Drift;

constexpr std::chrono::minutes step_max{5};
/// A comparison names the rows of some millions of clicks; each round goes on where it ended.
constexpr int renewals_max = 100;
constexpr std::int64_t minute_s = 60;
constexpr std::int64_t hour_s = 3600;
constexpr std::size_t local_store = 0;  ///< in Comparison::stores

std::string links_text(std::uint64_t count) {
    return format_count(count) + (count == 1 ? " link" : " links");
}

/// Links of which a store has more, or less, than the journal; ascending.
template <class Differs>
std::vector<std::uint64_t> links_where(const Comparison& found, std::size_t store,
                                       Differs&& differs) {
    std::vector<std::uint64_t> links;
    for (const Drift& drift : found.drifts) {
        const bool is_link = drift.link_id != 0 || drift.code.empty();
        if (is_link && differs(drift.stores[store], drift.journal)) links.push_back(drift.link_id);
    }
    std::sort(links.begin(), links.end());
    return links;
}

std::size_t place_of(const Comparison& found, std::string_view store) {
    const auto at = std::find_if(found.stores.begin(), found.stores.end(),
                                 [&](const auto& each) { return each.name == store; });
    return static_cast<std::size_t>(at - found.stores.begin());
}

/// Clicks that a store has less of than the journal.
struct Lack {
    std::uint64_t links = 0;
    std::uint64_t clicks = 0;
};

/// By place in Comparison::stores.
std::vector<Lack> lacks_of(const Comparison& found) {
    std::vector<Lack> lacks(found.stores.size());
    for (const Drift& drift : found.drifts) {
        for (std::size_t store = 0; store < lacks.size(); ++store) {
            if (drift.stores[store] >= drift.journal) continue;
            ++lacks[store].links;
            lacks[store].clicks += drift.journal - drift.stores[store];
        }
    }
    return lacks;
}

std::size_t links_of(const reconcile::MinuteComparison& minutes) {
    std::set<std::uint64_t> links;
    for (const auto& drift : minutes.drifts) links.insert(drift.link_id);
    return links.size();
}

class Repair {
public:
    Repair(const RepairParts& parts, Comparison found)
        : parts_(parts), found_(std::move(found)), lacked_(lacks_of(found_)) {}

    Result<Comparison> run() {
        using Step = Result<void> (Repair::*)();
        if (!local_agrees()) return finish();
        for (const Step step : {&Repair::give_again, &Repair::renew_rows, &Repair::lower_totals,
                                &Repair::add_weights, &Repair::correct_hours}) {
            if (auto done = (this->*step)(); !done) return done.error();
        }
        return finish();
    }

private:
    Result<Comparison> finish() {
        const std::vector<Lack> lack = lacks_of(found_);
        for (std::size_t store = 0; store < lack.size(); ++store) {
            const bool held_back = found_.stores[store].held_back > 0;  // and no longer named
            if (held_back || lack[store].clicks >= lacked_[store].clicks) continue;
            found_.notes.push_back(found_.stores[store].name + " was given " +
                                   format_count(lacked_[store].clicks - lack[store].clicks) +
                                   " clicks that it lacked, of " +
                                   links_text(lacked_[store].links));
        }
        found_.notes.insert(found_.notes.end(), notes_.begin(), notes_.end());
        return std::move(found_);
    }
    Result<void> compare_again() {
        auto again = reconcile::compare(parts_.request, parts_.counts);
        if (!again) return again.error();
        found_ = std::move(*again);
        return {};
    }
    bool may_lower() const { return parts_.allow_lower && found_.corrupt_places == 0; }
    reconcile::MinutesView* rows() const { return parts_.request.minutes; }

    bool local_agrees() {
        const auto wrong = links_where(found_, local_store, std::not_equal_to<>());
        if (wrong.empty()) return true;
        notes_.push_back("sqlite has not the journal's counts of " + links_text(wrong.size()) +
                         ", and what it has is what other stores are given: nothing was repaired. "
                         "Stop the service, run qck reconcile --data-dir DIR --repair, start it, "
                         "and repair again");
        return false;
    }

    Result<void> give_again() {
        std::vector<std::uint64_t> drifting;
        for (const Drift& drift : found_.drifts) {
            if (drift.link_id != 0) drifting.push_back(drift.link_id);
        }
        const auto given = parts_.deliveries.give_again(drifting, step_max);
        if (!given) return given;
        return compare_again();
    }

    /// Rows that are there twice, or of nobody: they and those beside them are taken away, and come
    /// back from the journal.
    Result<void> renew_rows() {
        const auto differ = [this] {
            return found_.minutes && found_.minutes->differing > 0 &&
                   !found_.minutes->drifts.empty();
        };
        if (!differ() || rows() == nullptr) return {};
        if (!may_lower()) {
            note_above(rows()->name(), links_of(*found_.minutes));
            return {};
        }
        std::uint64_t renewed = 0;
        for (int round = 0; differ() && round < renewals_max; ++round) {
            std::vector<reconcile::MinuteDigest> of;
            for (const auto& drift : found_.minutes->drifts) {
                of.push_back({drift.link_id, drift.minute, drift.store});
                renewed += drift.store.clicks;
            }
            const auto cursors = parts_.counts.cursors();
            if (!cursors) return cursors.error();
            const auto scope = reconcile::minute_scope(parts_.request, cursors->value, {});
            if (!scope) return scope.error();
            if (auto done = parts_.deliveries.renew_rows(*scope, of, step_max); !done) return done;
            if (auto compared = compare_again(); !compared) return compared;
        }
        notes_.push_back(format_count(renewed) +
                         " rows of ClickHouse were taken away and written anew from the journal");
        return {};
    }

    Result<void> lower_totals() {
        if (found_.agrees()) return {};
        bool lowered = false;
        for (reconcile::TotalsView* const view : parts_.request.shared) {
            const auto place = place_of(found_, view->name());
            const auto above = links_where(found_, place, std::greater<>());
            if (above.empty()) continue;
            if (rows() != nullptr && view->name() == rows()->name()) {
                note_rows_above(above.size());
                continue;
            }
            if (!may_lower()) {
                note_above(view->name(), above.size());
                continue;
            }
            if (auto set = parts_.deliveries.set_totals(*view, above); !set) return set;
            notes_.push_back("counts of " + links_text(above.size()) + " were lowered in " +
                             std::string(view->name()));
            lowered = true;
        }
        return lowered ? compare_again() : Result<void>();
    }

    void note_above(std::string_view store, std::size_t links) {
        const bool damaged = parts_.allow_lower;
        notes_.push_back(std::string(store) + " has more, or other, clicks of " +
                         links_text(links) + " than the journal" +
                         (damaged ? ", which is damaged and may have lost them: nothing is lowered"
                                  : "; --allow-lower lowers that"));
    }

    void note_rows_above(std::size_t links) {
        const bool by_minute = found_.minutes && found_.minutes->differing > 0;
        if (by_minute) return;  // said before
        if (!may_lower()) return note_above(rows()->name(), links);
        notes_.push_back(
            "clickhouse has more clicks of " + links_text(links) +
            " from before the oldest segment of the journal: which of these rows are there twice "
            "is not known, and nothing is lowered (see ADR 0102)");
    }

    Result<void> add_weights() {
        if (rows() == nullptr || found_.agrees()) return {};
        const auto place = place_of(found_, rows()->name());
        const auto below = links_where(found_, place, std::less<>());
        if (below.empty()) return {};
        const auto weights = reconcile::older_missing(parts_.request, parts_.counts, below);
        if (!weights) {
            if (weights.error().code != Errc::unavailable) return weights.error();
            notes_.push_back("older clicks were not given to clickhouse: " +
                             weights.error().message);
            return {};
        }
        if (weights->empty()) return {};
        std::uint64_t clicks = 0;
        std::uint64_t links = 0;
        std::uint32_t first_hour = UINT32_MAX;
        for (std::size_t at = 0; at < weights->size(); ++at) {
            const auto& weight = (*weights)[at];
            clicks += weight.clicks;
            links += at == 0 || (*weights)[at - 1].link_id != weight.link_id ? 1 : 0;
            first_hour = std::min(first_hour, weight.hour);
        }
        if (auto added = parts_.deliveries.add_weights(*weights, step_max); !added) return added;
        corrected_from_s_ = std::int64_t{first_hour} * hour_s;
        notes_.push_back(format_count(clicks) + " clicks of " + links_text(links) +
                         " are in clickhouse as " + format_count(weights->size()) +
                         " rows of an hour each: the journal has their number only");
        return compare_again();
    }

    /// The hourly table counted what was inserted, so it has what came back twice.
    Result<void> correct_hours() {
        auto* const minutes = parts_.deliveries.minutes();
        if (minutes == nullptr) return {};
        std::int64_t from_s = corrected_from_s_;
        if (found_.minutes && found_.minutes->clicks > 0) {
            from_s = std::min(from_s, std::int64_t{found_.minutes->first} * minute_s);
        }
        if (from_s == INT64_MAX) return {};
        return minutes->correct_hours(from_s, wall_ms() / 1000);
    }

    const RepairParts& parts_;
    Comparison found_;
    std::vector<Lack> lacked_;  ///< before the repair
    std::vector<std::string> notes_;
    std::int64_t corrected_from_s_ = INT64_MAX;
};

}  // namespace

Result<Comparison> repair_stores(const RepairParts& parts, Comparison found) {
    return Repair(parts, std::move(found)).run();
}

}  // namespace qck::commands
