#include "services/reconcile/compare.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "services/reconcile/journal_totals.hpp"

namespace qck::reconcile {
namespace {

using clicks::ProducerCursor;

/// Beside a service that writes checkpoints.
constexpr int attempts_max = 5;

struct LinkCount {
    std::uint64_t link_id = 0;
    std::uint64_t clicks = 0;
};

/// Appends to counts that come in order of links.
void add(std::vector<LinkCount>& counts, std::uint64_t link_id, std::uint64_t clicks) {
    if (counts.empty() || counts.back().link_id != link_id) counts.push_back({link_id, 0});
    counts.back().clicks += clicks;
}

/// What the client of the run saw, by link id; codes without a link are all of id 0.
std::map<std::uint64_t, std::uint64_t> answered_by_link(const Request& request) {
    std::map<std::uint64_t, std::uint64_t> answered;
    if (!request.run || !request.id_of) return answered;
    for (const auto& [code, count] : request.run->by_code) answered[request.id_of(code)] += count;
    return answered;
}

/// Walks journal, store and run together, link by link.
class Walk {
public:
    /// `only`: the links to compare; all when it is absent.
    Walk(const Request& request, std::optional<std::set<std::uint64_t>> only, Comparison& result)
        : request_(request),
          result_(result),
          only_(std::move(only)),
          answered_(answered_by_link(request)) {}

    void compare(const std::vector<LinkCount>& journal, const std::vector<LinkCount>& store) {
        auto j = journal.begin();
        auto s = store.begin();
        auto a = answered_.begin();
        while (j != journal.end() || s != store.end() || a != answered_.end()) {
            std::uint64_t link = UINT64_MAX;
            if (j != journal.end()) link = std::min(link, j->link_id);
            if (s != store.end()) link = std::min(link, s->link_id);
            if (a != answered_.end()) link = std::min(link, a->first);
            Drift row;
            row.link_id = link;
            if (j != journal.end() && j->link_id == link) row.journal = (j++)->clicks;
            if (s != store.end() && s->link_id == link) row.store = (s++)->clicks;
            if (a != answered_.end() && a->first == link) row.answered = (a++)->second;
            if (!only_ || only_->contains(link)) take(std::move(row));
        }
    }

private:
    void take(Drift row) {
        ++result_.links;
        result_.journal += row.journal;
        result_.store += row.store;
        // What is pending may be of any link.
        const bool missing = row.answered.value_or(0) > row.journal + result_.pending;
        if (row.journal == row.store && !missing) return;
        ++result_.drifting;
        if (result_.drifts.size() >= request_.drifts_max) return;
        if (request_.code_of && row.link_id != 0) row.code = request_.code_of(row.link_id);
        result_.drifts.push_back(std::move(row));
    }

    const Request& request_;
    Comparison& result_;
    std::optional<std::set<std::uint64_t>> only_;
    std::map<std::uint64_t, std::uint64_t> answered_;
};

Result<std::optional<std::set<std::uint64_t>>> links_wanted(const Request& request) {
    using Wanted = std::optional<std::set<std::uint64_t>>;
    if (!request.since_ms) {
        if (request.links.empty()) return Wanted();
        return Wanted(std::in_place, request.links.begin(), request.links.end());
    }
    const auto recent = links_clicked_since(request.data_dir, *request.since_ms);
    if (!recent) return recent.error();
    Wanted wanted(std::in_place, recent->begin(), recent->end());
    if (request.links.empty()) return wanted;
    const std::set<std::uint64_t> named(request.links.begin(), request.links.end());
    std::erase_if(*wanted, [&](std::uint64_t link) { return !named.contains(link); });
    return wanted;
}

void tell(const Request& request, double share) {
    if (request.progress) request.progress(share);
}

/// Store and journal as of the same cursors.
struct BothSides {
    std::vector<LinkCount> store;
    std::vector<ProducerCursor> cursors;
    JournalTotals journal;
};

Result<BothSides> read_both(const Request& request, clicks::ClickStore& store) {
    for (int attempt = 1;; ++attempt) {
        BothSides both;
        auto cursors = store.each_total([&](const clicks::ProducerTotal& total) -> Result<void> {
            add(both.store, total.link_id, total.total);
            return {};
        });
        if (!cursors) return cursors.error();
        tell(request, 0.4);
        // Beside a service the two are compared where the store stands, whatever was appended
        // since. Its checkpoint may pass that place meanwhile: then the store is further too, and
        // is read again.
        auto journal =
            fold_journal(request.data_dir, request.live ? std::optional(*cursors) : std::nullopt);
        if (journal) {
            both.cursors = std::move(*cursors);
            both.journal = std::move(*journal);
            return both;
        }
        if (journal.error().code != Errc::conflict || attempt == attempts_max) {
            return journal.error();
        }
    }
}

}  // namespace

Result<Comparison> compare(const Request& request, clicks::ClickStore& store) {
    tell(request, 0);
    auto both = read_both(request, store);
    if (!both) return both.error();
    tell(request, 0.8);
    std::vector<LinkCount> journaled;
    auto merged = both->journal.merged();
    clicks::ProducerTotal total;
    while (true) {
        const auto more = merged.next(total);
        if (!more) return more.error();
        if (!*more) break;
        add(journaled, total.link_id, total.total);
    }

    Comparison result;
    result.corrupt_places = both->journal.corrupt_places;
    if (request.live) {
        const auto pending = records_after(request.data_dir, both->cursors);
        if (!pending) return pending.error();
        result.pending = *pending;
    }
    auto wanted = links_wanted(request);
    if (!wanted) return wanted.error();
    Walk(request, std::move(*wanted), result).compare(journaled, both->store);
    if (request.run) result.answered = request.run->answered;
    tell(request, 1);
    return result;
}

Result<void> repair(const Request& request, clicks::ClickStore& store, bool allow_lower) {
    auto totals = fold_journal(request.data_dir, std::nullopt);
    if (!totals) return totals.error();
    const auto stored = store.cursors();
    if (!stored) return stored.error();
    // What the store never saw has no hours in it either.
    auto hours = fold_between(request.data_dir, stored->value, std::nullopt);
    if (!hours) return hours.error();
    bool given = false;
    const clicks::HourSource hour_source = [&](clicks::CountBatch& part) -> Result<bool> {
        if (std::exchange(given, true)) return false;
        part = std::move(*hours);
        return true;
    };
    auto merged = totals->merged();
    return store.raise(
        totals->ends, [&](clicks::ProducerTotal& total) { return merged.next(total); }, hour_source,
        allow_lower);
}

}  // namespace qck::reconcile
