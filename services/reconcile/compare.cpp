#include "services/reconcile/compare.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "services/reconcile/compare_minutes.hpp"
#include "services/reconcile/journal_totals.hpp"
#include "services/reconcile/reading.hpp"

namespace qck::reconcile {
namespace {

using clicks::ProducerCursor;
using Cursors = std::optional<std::vector<ProducerCursor>>;

/// Appends to counts that come in order of links.
void add(std::vector<LinkCount>& counts, std::uint64_t link_id, std::uint64_t clicks) {
    if (counts.empty() || counts.back().link_id != link_id) counts.push_back({link_id, 0});
    counts.back().clicks += clicks;
}

/// What the client of the run saw.
struct RunAnswers {
    std::map<std::uint64_t, std::uint64_t> by_link;  ///< 0: of codes meant to be unknown
    std::vector<Drift> absent;                       ///< of codes that are not here
};

RunAnswers run_answers(const Request& request) {
    RunAnswers answers;
    if (!request.run || !request.id_of) return answers;
    if (request.run->unknown > 0) answers.by_link[0] = request.run->unknown;
    for (const auto& [code, count] : request.run->by_code) {
        if (count == 0) continue;
        if (const std::uint64_t link = request.id_of(code); link != 0) {
            answers.by_link[link] += count;
            continue;
        }
        Drift& row = answers.absent.emplace_back();
        row.code = code;
        row.answered = count;
    }
    return answers;
}

/// One side of the comparison: what it has of each link, and how far it may be above the journal.
struct Side {
    std::vector<LinkCount> counts;
    /// Counts that the side must not exceed; null: the journal's own.
    const std::vector<LinkCount>* most = nullptr;
    /// Links (ascending) of which it may have less.
    std::vector<std::uint64_t> held_back;
};

/// Goes through counts in order of links.
class Reader {
public:
    explicit Reader(const std::vector<LinkCount>& counts)
        : at_(counts.begin()), end_(counts.end()) {}
    std::uint64_t link() const { return at_ == end_ ? UINT64_MAX : at_->link_id; }
    /// What there is of `link`, which is not above link().
    std::uint64_t take(std::uint64_t link) { return this->link() == link ? (at_++)->clicks : 0; }

private:
    std::vector<LinkCount>::const_iterator at_;
    std::vector<LinkCount>::const_iterator end_;
};

/// Walks journal, stores and run together, link by link.
class Walk {
public:
    /// `only`: the links to compare; all when it is absent.
    Walk(const Request& request, std::optional<std::set<std::uint64_t>> only, Comparison& result)
        : request_(request), result_(result), only_(std::move(only)) {}

    void compare(const std::vector<LinkCount>& journal, const std::vector<Side>& sides) {
        RunAnswers run = run_answers(request_);
        std::vector<LinkCount> answered;
        for (const auto& [link, count] : run.by_link) answered.push_back({link, count});
        if (request_.run) result_.answered = 0;
        // Who names links asks for no others.
        if (request_.links.empty()) {
            for (Drift& row : run.absent) take_absent(std::move(row), sides.size());
        }
        Reader in_journal(journal);
        Reader in_run(answered);
        std::vector<Reader> in_stores;
        std::vector<Reader> limits;
        for (const Side& side : sides) {
            in_stores.emplace_back(side.counts);
            limits.emplace_back(side.most ? *side.most : journal);
        }
        while (true) {
            std::uint64_t link = std::min(in_journal.link(), in_run.link());
            for (const Reader& reader : in_stores) link = std::min(link, reader.link());
            for (const Reader& reader : limits) link = std::min(link, reader.link());
            if (link == UINT64_MAX) return;
            Drift row;
            row.link_id = link;
            row.journal = in_journal.take(link);
            if (in_run.link() == link) row.answered = in_run.take(link);
            bool differs = false;
            for (std::size_t side = 0; side < sides.size(); ++side) {
                row.stores.push_back(in_stores[side].take(link));
                const std::uint64_t most = limits[side].take(link);
                const bool held = row.stores.back() < row.journal &&
                                  std::binary_search(sides[side].held_back.begin(),
                                                     sides[side].held_back.end(), link);
                if (held) held_.push_back(side);
                differs |= (row.stores.back() < row.journal && !held) ||
                           row.stores.back() > std::max(most, row.journal);
            }
            if (!only_ || only_->contains(link)) take(std::move(row), differs);
            held_.clear();
        }
    }

private:
    void take_absent(Drift row, std::size_t stores) {
        row.stores.resize(stores);
        *result_.answered += *row.answered;
        ++result_.absent;
        ++result_.drifting;
        if (result_.drifts.size() < request_.drifts_max) result_.drifts.push_back(std::move(row));
    }

    void take(Drift row, bool differs) {
        ++result_.links;
        if (row.answered) *result_.answered += *row.answered;
        result_.journal += row.journal;
        for (std::size_t at = 0; at < row.stores.size(); ++at) {
            result_.stores[at].clicks += row.stores[at];
        }
        for (const std::size_t at : held_) {
            result_.stores[at].held_back += row.journal - row.stores[at];
            ++result_.stores[at].links_held_back;
        }
        // What is pending may be of any link.
        const bool missing = row.answered.value_or(0) > row.journal + result_.pending;
        if (!differs && !missing) return;
        ++result_.drifting;
        if (result_.drifts.size() >= request_.drifts_max) return;
        result_.drifts.push_back(std::move(row));
    }

    const Request& request_;
    Comparison& result_;
    std::optional<std::set<std::uint64_t>> only_;
    std::vector<std::size_t> held_;  ///< sides that lack clicks of the link in hand on purpose
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
        tell(request, 0.2);
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

Result<std::vector<LinkCount>> journal_counts(JournalTotals& journal) {
    std::vector<LinkCount> counts;
    auto merged = journal.merged();
    clicks::ProducerTotal total;
    while (true) {
        const auto more = merged.next(total);
        if (!more) return more.error();
        if (!*more) return counts;
        add(counts, total.link_id, total.total);
    }
}

Result<std::vector<LinkCount>> store_counts(clicks::ClickStore& store) {
    std::vector<LinkCount> counts;
    const auto cursors = store.each_total([&](const clicks::ProducerTotal& total) -> Result<void> {
        add(counts, total.link_id, total.total);
        return {};
    });
    if (!cursors) return cursors.error();
    return counts;
}

/// Links that `store` is not given yet.
std::vector<std::uint64_t> held_back_of(const std::vector<HeldBack>& held, std::string_view store) {
    for (const HeldBack& each : held) {
        if (each.store == store) return each.links;
    }
    return {};
}

/// Adds a side for each shared store.
Result<void> read_shared(const Request& request, const std::vector<HeldBack>& held,
                         const std::vector<LinkCount>& journaled, std::vector<Side>& sides) {
    std::vector<std::uint64_t> known;
    known.reserve(journaled.size());
    for (const LinkCount& count : journaled) known.push_back(count.link_id);
    // Each waits for a server of its own.
    std::vector<std::future<Result<std::vector<LinkCount>>>> answers;
    for (TotalsView* const view : request.shared) {
        answers.push_back(
            std::async(std::launch::async, [view, &known] { return view->totals(known); }));
    }
    for (std::size_t at = 0; at < answers.size(); ++at) {
        auto counts = answers[at].get();
        if (!counts) return counts.error();
        Side side;
        side.counts = std::move(*counts);
        side.held_back = held_back_of(held, request.shared[at]->name());
        sides.push_back(std::move(side));
    }
    return {};
}

/// What a shared store may have by now at most, of a service that counts on: what was journaled
/// until then. Where a place of the journal cannot be read, be it just being written, what `store`
/// has counts as well.
Result<std::vector<LinkCount>> most_by_now(const JournaledSince& since,
                                           const std::vector<LinkCount>& journaled,
                                           clicks::ClickStore& store) {
    std::vector<LinkCount> most;
    std::vector<LinkCount> stored;
    if (!since.whole) {
        auto counts = store_counts(store);
        if (!counts) return counts.error();
        stored = std::move(*counts);
    }
    Reader before(journaled);
    Reader after(since.clicks);
    Reader in_store(stored);
    while (true) {
        const std::uint64_t link = std::min({before.link(), after.link(), in_store.link()});
        if (link == UINT64_MAX) return most;
        const std::uint64_t sum = before.take(link) + after.take(link);
        most.push_back({link, std::max(sum, in_store.take(link))});
    }
}

/// Codes for the first of the drifts, all in one question.
void name_links(const Request& request, Comparison& result) {
    if (!request.codes_of) return;
    std::vector<std::pair<std::uint64_t, std::string*>> wanted;
    const auto want = [&](auto& drifts) {
        for (std::size_t at = 0; at < std::min(drifts.size(), drifts_named_max); ++at) {
            if (drifts[at].link_id != 0) wanted.emplace_back(drifts[at].link_id, &drifts[at].code);
        }
    };
    want(result.drifts);
    if (result.minutes) want(result.minutes->drifts);
    std::vector<std::uint64_t> ids;
    for (const auto& [id, code] : wanted) ids.push_back(id);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    if (ids.empty()) return;
    const auto codes = request.codes_of(ids);
    for (const auto& [id, code] : wanted) {
        *code = codes[static_cast<std::size_t>(std::lower_bound(ids.begin(), ids.end(), id) -
                                               ids.begin())];
    }
}

bool given_up(const Request& request) { return request.given_up && request.given_up(); }

}  // namespace

Result<Comparison> compare(const Request& request, clicks::ClickStore& store) {
    tell(request, 0);
    // Before anything is waited for; a store without its tables is not one without clicks.
    for (TotalsView* const view : request.shared) {
        if (auto there = view->has_tables(); !there) return there.error();
    }
    auto both = read_both(request, store);
    if (!both) return both.error();
    auto journaled = journal_counts(both->journal);
    if (!journaled) return journaled.error();
    if (given_up(request)) return error(Errc::unavailable, "the comparison was given up");
    tell(request, 0.4);

    Comparison result;
    result.stores.push_back({"sqlite"});
    std::vector<Side> sides(1);
    sides[0].counts = std::move(both->store);
    std::vector<LinkCount> most;
    std::vector<HeldBack> held;
    if (request.settle) {
        auto settled = request.settle(both->cursors);
        if (!settled) return settled.error();
        held = std::move(*settled);
    }
    if (given_up(request)) return error(Errc::unavailable, "the comparison was given up");
    const Cursors limits = request.live ? Cursors(both->cursors) : std::nullopt;
    std::future<Result<MinuteComparison>> minutes;
    if (request.minutes != nullptr) {
        minutes = std::async(std::launch::async, [&] {
            return compare_minutes(request, limits, held_back_of(held, request.minutes->name()));
        });
    }
    auto read = read_shared(request, held, *journaled, sides);
    if (!read) return read.error();
    for (const TotalsView* view : request.shared) {
        result.stores.push_back({std::string(view->name())});
    }
    tell(request, 0.8);
    if (minutes.valid()) {
        auto compared = minutes.get();
        if (!compared) return compared.error();
        result.minutes = std::move(*compared);
    }
    if (given_up(request)) return error(Errc::unavailable, "the comparison was given up");
    result.corrupt_places = both->journal.corrupt_places;
    if (request.live) {
        const auto since = journaled_since(request.data_dir, both->cursors);
        if (!since) return since.error();
        result.pending = since->records;
        auto limit = most_by_now(*since, *journaled, store);
        if (!limit) return limit.error();
        most = std::move(*limit);
        for (std::size_t side = 1; side < sides.size(); ++side) sides[side].most = &most;
    }
    auto wanted = links_wanted(request);
    if (!wanted) return wanted.error();
    Walk(request, std::move(*wanted), result).compare(*journaled, sides);
    name_links(request, result);
    tell(request, 1);
    return result;
}

void keep_named(Comparison& comparison) {
    const auto cut = [](auto& drifts) {
        if (drifts.size() > drifts_named_max)
            drifts.erase(drifts.begin() + drifts_named_max, drifts.end());
    };
    cut(comparison.drifts);
    if (comparison.minutes) cut(comparison.minutes->drifts);
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
