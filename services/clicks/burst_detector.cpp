#include "services/clicks/burst_detector.hpp"

#include <algorithm>
#include <string>

namespace qck::clicks {
namespace {

constexpr std::int64_t window_ns = 1'000'000'000;
/// Share of the elevated threshold in one round that makes a link worth following.
constexpr double follow_share = 20;

}  // namespace

Result<std::optional<LinkMode>> parse_link_mode(std::string_view text) {
    if (text == "auto") return std::optional<LinkMode>();
    const auto found = std::find(link_mode_names.begin(), link_mode_names.end(), text);
    if (found == link_mode_names.end()) {
        return error(Errc::invalid_argument, "'" + std::string(text) +
                                                 "' is not a mode (normal, elevated, burst or "
                                                 "auto)");
    }
    return std::optional(static_cast<LinkMode>(found - link_mode_names.begin()));
}

std::uint64_t BurstDetector::clicks_followed() const {
    return std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(thresholds_.elevated_per_s / follow_share));
}

std::vector<BurstDetector::Change> BurstDetector::round(std::span<const LinkClicks> counts,
                                                        std::int64_t now_ns) {
    const std::uint64_t enough = clicks_followed();
    for (const LinkClicks& count : counts) {
        auto at = links_.find(count.link_id);
        if (at == links_.end()) {
            if (count.clicks < enough) continue;
            if (links_.size() >= links_max && !make_room()) continue;
            at = links_.try_emplace(count.link_id).first;
            at->second.since_ns = now_ns;
        }
        note(at->second, count.clicks, now_ns);
    }
    std::vector<Change> changes;
    for (auto at = links_.begin(); at != links_.end();) {
        Followed& link = at->second;
        forget_old(link, now_ns);
        const LinkMode by_rate = mode_by_rate(link, now_ns);
        const LinkMode mode = link.forced.value_or(by_rate);
        if (mode != link.mode) {
            changes.push_back({at->first, link.mode, mode, link.rate(), link.forced.has_value()});
            link.mode = mode;
            link.since_ns = now_ns;
        }
        const bool idle = link.mode == LinkMode::normal && !link.forced && link.clicks == 0;
        at = idle ? links_.erase(at) : std::next(at);
    }
    return changes;
}

void BurstDetector::note(Followed& link, std::uint64_t clicks, std::int64_t now_ns) {
    // Rounds that follow each other faster than the ring holds share a place.
    Round& last = link.rounds[(link.next + link.rounds.size() - 1) % link.rounds.size()];
    link.clicks += clicks;
    if (last.clicks > 0 &&
        now_ns - last.at_ns < window_ns / static_cast<std::int64_t>(link.rounds.size() - 1)) {
        last.clicks += clicks;
        return;
    }
    Round& next = link.rounds[link.next];
    link.clicks -= next.clicks;
    next = {now_ns, clicks};
    link.next = (link.next + 1) % link.rounds.size();
}

void BurstDetector::forget_old(Followed& link, std::int64_t now_ns) {
    for (Round& round : link.rounds) {
        if (round.clicks == 0 || now_ns - round.at_ns < window_ns) continue;
        link.clicks -= round.clicks;
        round = {};
    }
}

LinkMode BurstDetector::mode_by_rate(Followed& link, std::int64_t now_ns) const {
    const double rate = link.rate();
    const std::int64_t hold_ns = std::chrono::nanoseconds(thresholds_.hold).count();
    if (rate >= thresholds_.elevated_per_s / 2) link.half_elevated_ns = now_ns;
    if (rate >= thresholds_.burst_per_s / 2) link.half_burst_ns = now_ns;
    if (rate > thresholds_.burst_per_s) return LinkMode::burst;
    const bool held_in_burst =
        link.mode == LinkMode::burst && now_ns - link.half_burst_ns < hold_ns;
    if (held_in_burst) return LinkMode::burst;
    if (rate > thresholds_.elevated_per_s) return LinkMode::elevated;
    const bool held = link.mode != LinkMode::normal && now_ns - link.half_elevated_ns < hold_ns;
    return held ? LinkMode::elevated : LinkMode::normal;
}

/// The slowest link in normal mode gives way; false when there is none.
bool BurstDetector::make_room() {
    auto slowest = links_.end();
    for (auto at = links_.begin(); at != links_.end(); ++at) {
        if (at->second.mode != LinkMode::normal || at->second.forced) continue;
        if (slowest == links_.end() || at->second.clicks < slowest->second.clicks) slowest = at;
    }
    if (slowest == links_.end()) return false;
    links_.erase(slowest);
    return true;
}

std::vector<BurstDetector::Change> BurstDetector::force(std::uint64_t link_id,
                                                        std::optional<LinkMode> mode,
                                                        std::int64_t now_ns) {
    const bool known = links_.contains(link_id);
    if (!known && (!mode || (links_.size() >= links_max && !make_room()))) return {};
    Followed& link = links_[link_id];
    if (!known) link.since_ns = now_ns;
    const LinkMode before = link.mode;
    if (!mode && link.forced) {
        // Down at once if the rate asks for no more: whoever says auto does not mean to wait.
        link.half_elevated_ns = link.half_burst_ns = 0;
        link.mode = LinkMode::normal;
    }
    link.forced = mode;
    const LinkMode after = mode ? *mode : mode_by_rate(link, now_ns);
    link.mode = after;
    if (after == before) return {};
    link.since_ns = now_ns;
    return {{link_id, before, after, link.rate(), mode.has_value()}};
}

std::vector<BurstDetector::Standing> BurstDetector::standings() const {
    std::vector<Standing> all;
    for (const auto& [link_id, link] : links_) {
        if (link.mode == LinkMode::normal && !link.forced) continue;
        all.push_back({link_id, link.mode, link.rate(), link.since_ns, link.forced.has_value()});
    }
    std::sort(all.begin(), all.end(), [](const Standing& a, const Standing& b) {
        return a.rate_per_s != b.rate_per_s ? a.rate_per_s > b.rate_per_s : a.link_id < b.link_id;
    });
    return all;
}

}  // namespace qck::clicks
