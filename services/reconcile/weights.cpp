#include "services/reconcile/weights.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "services/reconcile/compare_minutes.hpp"
#include "services/reconcile/journal_minutes.hpp"
#include "services/reconcile/journal_totals.hpp"
#include "services/reconcile/reading.hpp"

namespace qck::reconcile {
namespace {

using clicks::ClickClass;

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::uint32_t minutes_an_hour = 60;

struct LinkClass {
    std::uint64_t link_id;
    ClickClass click_class;
    friend auto operator<=>(const LinkClass&, const LinkClass&) = default;
};

/// Clicks of one link and class.
struct Older {
    std::uint64_t total = 0;  ///< by the journal, kept or not
    std::uint64_t kept = 0;
    std::uint64_t stored = 0;                      ///< older rows of the other store
    std::map<std::uint32_t, std::uint64_t> known;  ///< by hour: kept and stored

    std::uint64_t missing() const {
        const std::uint64_t have = kept + stored;
        return total > have ? total - have : 0;
    }
};
using OlderByClass = std::map<LinkClass, Older>;

/// The journal's side, all of it as of the same cursors.
struct Journaled {
    OlderByClass links;
    MinuteScope scope;
    std::uint32_t first_hour = 0;  ///< of what is kept
    std::uint32_t last_begin = 0;  ///< hour in which the last shard's records begin
};

Result<void> add_totals(JournalTotals& journal, std::span<const std::uint64_t> links,
                        OlderByClass& into) {
    auto merged = journal.merged();
    clicks::ProducerTotal total;
    while (true) {
        const auto more = merged.next(total);
        if (!more) return more.error();
        if (!*more) return {};
        if (!std::binary_search(links.begin(), links.end(), total.link_id)) continue;
        into[{total.link_id, total.click_class}].total += total.total;
    }
}

Result<Journaled> read_journal(const Request& request, std::span<const std::uint64_t> links,
                               const std::vector<clicks::ProducerCursor>& cursors) {
    Journaled journaled;
    const auto limits = request.live ? std::optional(cursors) : std::nullopt;
    auto totals = fold_journal(request.data_dir, limits);
    if (!totals) return totals.error();
    if (auto added = add_totals(*totals, links, journaled.links); !added) return added.error();
    std::optional<std::uint16_t> shard;
    std::uint32_t first_minute = UINT32_MAX;
    auto stretches = each_kept_click(request.data_dir, limits, [&](const KeptClick& click) {
        const std::uint32_t minute = click.minute();
        first_minute = std::min(first_minute, minute);
        if (shard != click.id.shard) {
            shard = click.id.shard;
            journaled.last_begin = std::max(journaled.last_begin, minute / minutes_an_hour);
        }
        const std::uint64_t link = click.frame.link_id();
        if (!std::binary_search(links.begin(), links.end(), link)) return;
        Older& older = journaled.links[{link, static_cast<ClickClass>(click.frame.click_class())}];
        ++older.kept;
        ++older.known[minute / minutes_an_hour];
    });
    if (!stretches) return stretches.error();
    if (stretches->size() > stretches_max) {
        return error(Errc::unavailable,
                     "the journal has gaps in " + std::to_string(stretches->size()) + " places");
    }
    journaled.scope.stretches = std::move(*stretches);
    if (first_minute == UINT32_MAX) {  // nothing is kept: everything is older
        journaled.first_hour = journaled.last_begin = UINT32_MAX;
    } else {
        journaled.first_hour = first_minute / minutes_an_hour;
    }
    return journaled;
}

/// Of one link and class, hour by hour.
void share_out(const LinkClass& of, const Older& older, const std::vector<clicks::HourCount>& hours,
               const Journaled& journaled, std::vector<HourClicks>& weights) {
    std::uint64_t left = older.missing();
    const std::size_t begin = weights.size();
    for (const clicks::HourCount& hour : hours) {
        if (left == 0 || hour.hour > journaled.last_begin) break;
        const std::uint64_t counted =
            hour.clicks.by_class[static_cast<std::size_t>(of.click_class)];
        const auto known = older.known.find(hour.hour);
        const std::uint64_t have = known == older.known.end() ? 0 : known->second;
        if (counted <= have) continue;
        const std::uint64_t share = std::min(left, counted - have);
        weights.push_back({of.link_id, of.click_class, hour.hour, share});
        left -= share;
    }
    if (left == 0) return;
    if (weights.size() > begin) {
        weights[begin].clicks += left;
        return;
    }
    const std::uint32_t before = journaled.first_hour == UINT32_MAX ? 1 : journaled.first_hour;
    const std::uint32_t hour =
        hours.empty() ? before - std::min(before, 1U) : std::min(hours.front().hour, before);
    weights.push_back({of.link_id, of.click_class, hour, left});
}

}  // namespace

Result<std::vector<HourClicks>> older_missing(const Request& request, clicks::ClickStore& store,
                                              std::span<const std::uint64_t> links) {
    Result<Journaled> journaled = Journaled();
    for (int attempt = 1;; ++attempt) {
        const auto cursors = store.cursors();
        if (!cursors) return cursors.error();
        journaled = read_journal(request, links, cursors->value);
        if (journaled) break;
        const bool again = journaled.error().code == Errc::conflict;
        if (!again || attempt == attempts_max) return journaled.error();
    }
    const auto stored = request.minutes->older(journaled->scope, links);
    if (!stored) return stored.error();
    for (const HourClicks& row : *stored) {
        Older& older = journaled->links[{row.link_id, row.click_class}];
        older.stored += row.clicks;
        older.known[row.hour] += row.clicks;
    }
    std::vector<HourClicks> weights;
    std::optional<std::uint64_t> link;
    std::vector<clicks::HourCount> hours;
    for (const auto& [of, older] : journaled->links) {
        if (older.missing() == 0) continue;
        if (link != of.link_id) {
            link = of.link_id;
            auto read = store.link_hours(of.link_id, 0, UINT32_MAX);
            if (!read) return read.error();
            hours = std::move(read->value);
        }
        share_out(of, older, hours, *journaled, weights);
    }
    return weights;
}

clicks::EventBatch weight_batch(std::uint64_t node, std::uint32_t epoch, std::uint64_t first,
                                std::span<const HourClicks> weights) {
    clicks::EventBatch batch;
    batch.node = node;
    batch.token = "weights-" + std::to_string(node) + "-" + std::to_string(epoch) + "-" +
                  std::to_string(first);
    batch.agents.push_back({});
    batch.referrers.emplace_back();
    batch.places.emplace_back();
    std::unordered_map<std::uint64_t, std::uint32_t> places;
    for (const HourClicks& weight : weights) {
        const auto [place, fresh] =
            places.try_emplace(weight.link_id, static_cast<std::uint32_t>(batch.link_ids.size()));
        if (fresh) batch.link_ids.push_back(weight.link_id);
        clicks::EventRow& row = batch.rows.emplace_back();
        row.id = {weight_shard, epoch, first++};
        row.link_id = weight.link_id;
        row.time_ms = std::int64_t{weight.hour} * hour_ms;
        row.clicks = weight.clicks;
        row.click_class = weight.click_class;
        row.link = place->second;
    }
    batch.links.resize(batch.link_ids.size());
    return batch;
}

}  // namespace qck::reconcile
