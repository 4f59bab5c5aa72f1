#include "services/reconcile/compare_minutes.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "services/reconcile/journal_minutes.hpp"
#include "services/reconcile/reading.hpp"

namespace qck::reconcile {
namespace {

using Limits = std::optional<std::vector<clicks::ProducerCursor>>;

/// Clicks of minutes whose links are compared: they bound the memory.
constexpr std::uint64_t clicks_in_hand_max = 4'000'000;
/// In one query.
constexpr std::size_t links_named_max = 4096;

/// Goes through both, each ascending by `key`, and gives what they have of each key.
template <class Key, class Visit>
void side_by_side(const std::vector<MinuteDigest>& journal, const std::vector<MinuteDigest>& store,
                  Key&& key, Visit&& visit) {
    auto left = journal.begin();
    auto right = store.begin();
    while (left != journal.end() || right != store.end()) {
        const bool take_left =
            right == store.end() || (left != journal.end() && key(*left) <= key(*right));
        const bool take_right =
            left == journal.end() || (right != store.end() && key(*right) <= key(*left));
        const MinuteDigest& at = take_left ? *left : *right;
        visit(at, take_left ? left->digest : EventDigest{},
              take_right ? right->digest : EventDigest{});
        if (take_left) ++left;
        if (take_right) ++right;
    }
}

MinuteScope scope_of(const Request& request, std::span<const std::uint64_t> held_back) {
    MinuteScope scope;
    scope.last_minute = UINT32_MAX / 60;
    if (request.since_ms) {
        const std::int64_t minute = (*request.since_ms + minute_ms - 1) / minute_ms;
        scope.first_minute =
            static_cast<std::uint32_t>(std::clamp<std::int64_t>(minute, 0, scope.last_minute));
    }
    scope.only_links = request.links;
    std::sort(scope.only_links.begin(), scope.only_links.end());
    scope.except_links.assign(held_back.begin(), held_back.end());
    return scope;
}

/// Why it is not done; empty when it is.
std::string hindrance(const MinuteScope& scope) {
    if (scope.stretches.size() > stretches_max) {
        return "the journal has gaps in " + std::to_string(scope.stretches.size()) + " places";
    }
    if (scope.only_links.size() > links_named_max) return "too many links were named";
    if (scope.except_links.size() > links_named_max) return "too many links are in a burst";
    return {};
}

/// Minutes that differ, ascending, and the clicks in each.
std::vector<MinuteDigest> differing(const std::vector<MinuteDigest>& journal,
                                    const std::vector<MinuteDigest>& store) {
    std::vector<MinuteDigest> minutes;
    const auto minute_of = [](const MinuteDigest& each) { return each.minute; };
    side_by_side(journal, store, minute_of,
                 [&](const MinuteDigest& at, const EventDigest& here, const EventDigest& there) {
                     if (here == there) return;
                     minutes.push_back({0, at.minute, {std::max(here.clicks, there.clicks), 0}});
                 });
    return minutes;
}

/// The first minutes, as many as have not too many clicks together.
std::vector<std::uint32_t> in_hand(const std::vector<MinuteDigest>& minutes) {
    std::vector<std::uint32_t> first;
    std::uint64_t clicks = 0;
    for (const MinuteDigest& minute : minutes) {
        clicks += minute.digest.clicks;
        if (!first.empty() && clicks > clicks_in_hand_max) break;
        first.push_back(minute.minute);
    }
    return first;
}

Result<MinuteComparison> compare_once(const Request& request, const Limits& limits,
                                      MinuteScope scope) {
    MinuteComparison result;
    result.store = request.minutes->name();
    const auto here = kept_by_minute(request.data_dir, limits, scope);
    if (!here) return here.error();
    result.not_compared = hindrance(scope);
    if (here->empty() || !result.not_compared.empty()) return result;
    result.first = scope.first_minute;
    result.last = scope.last_minute;
    for (const MinuteDigest& minute : *here) result.clicks += minute.digest.clicks;
    const auto there = request.minutes->by_minute(scope);
    if (!there) return there.error();
    const auto minutes = differing(*here, *there);
    result.differing = minutes.size();
    if (minutes.empty()) return result;

    const auto first = in_hand(minutes);
    const auto links_here = kept_by_link(request.data_dir, limits, scope, first);
    if (!links_here) return links_here.error();
    const auto links_there = request.minutes->by_link(scope, first);
    if (!links_there) return links_there.error();
    const auto link_minute = [](const MinuteDigest& each) {
        return std::tuple(each.link_id, each.minute);
    };
    side_by_side(*links_here, *links_there, link_minute,
                 [&](const MinuteDigest& at, const EventDigest& mine, const EventDigest& its) {
                     if (mine == its || result.drifts.size() >= request.drifts_max) return;
                     MinuteDrift& row = result.drifts.emplace_back();
                     row.link_id = at.link_id;
                     row.minute = at.minute;
                     row.journal = mine;
                     row.store = its;
                 });
    return result;
}

}  // namespace

Result<MinuteComparison> compare_minutes(const Request& request, const Limits& limits,
                                         std::span<const std::uint64_t> held_back) {
    for (int attempt = 1;; ++attempt) {
        auto result = compare_once(request, limits, scope_of(request, held_back));
        const bool again = !result && result.error().code == Errc::conflict;
        if (!again || attempt == attempts_max) return result;
    }
}

Result<MinuteScope> minute_scope(const Request& request, const Limits& limits,
                                 std::span<const std::uint64_t> held_back) {
    MinuteScope scope = scope_of(request, held_back);
    const auto minutes = kept_by_minute(request.data_dir, limits, scope);
    if (!minutes) return minutes.error();
    if (const std::string why = hindrance(scope); !why.empty()) {
        return error(Errc::unavailable, why);
    }
    return scope;
}

}  // namespace qck::reconcile
