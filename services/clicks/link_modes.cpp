#include "services/clicks/link_modes.hpp"

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/log.hpp"

namespace qck::clicks {
namespace {

/// Counts of one round that wait for the detector; one that lags loses those of the slowest links.
constexpr std::size_t pending_max = 100'000;

std::string_view name_of(LinkMode mode) { return link_mode_names[static_cast<std::size_t>(mode)]; }

}  // namespace

LinkModes::LinkModes(LinkModesConfig config)
    : config_(std::move(config)), detector_(config_.thresholds) {}

LinkModes::~LinkModes() { stop(); }

void LinkModes::start() {
    thread_ = std::thread([this] { run(); });
}

void LinkModes::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void LinkModes::run() {
    name_thread("qck-modes");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait_for(lock, config_.every, [this] { return stopping_ || !unannounced_.empty(); });
        lock.unlock();
        round();
        lock.lock();
    }
}

void LinkModes::round() {
    std::vector<BurstDetector::Change> changes;
    {
        const std::lock_guard lock(mutex_);
        changes = std::exchange(unannounced_, {});
        if (!pending_.empty() || detector_.followed() > 0) {
            const auto found = detector_.round(pending_, config_.now());
            pending_.clear();
            apply(found);
            changes.insert(changes.end(), found.begin(), found.end());
        }
    }
    if (changes.empty()) return name_late();
    std::vector<std::string> codes = codes_of(changes);
    for (std::size_t at = 0; at < changes.size(); ++at) {
        const BurstDetector::Change& change = changes[at];
        announce({change.link_id, std::move(codes[at]), change.from, change.to, change.rate_per_s,
                  change.forced});
    }
}

/// Links that are in a mode though nobody could say their codes yet: without them nothing is
/// pinned.
void LinkModes::name_late() {
    const std::int64_t begin_ns = config_.now();
    if (begin_ns < next_naming_ns_) return;
    std::vector<BurstDetector::Change> unnamed;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [link_id, mode] : modes_) {
            if (codes_.contains(link_id)) continue;
            BurstDetector::Change& same = unnamed.emplace_back();
            same.link_id = link_id;
            same.from = same.to = mode;
        }
    }
    std::vector<std::string> codes;
    if (!unnamed.empty()) codes = codes_of(unnamed);
    for (std::size_t at = 0; at < unnamed.size(); ++at) {
        if (codes[at].empty()) continue;
        log::info("link_mode_named", {{"link", unnamed[at].link_id}, {"code", codes[at]}});
        LinkModeChange named;
        named.link_id = unnamed[at].link_id;
        named.code = std::move(codes[at]);
        named.from = named.to = unnamed[at].to;
        for (const Listener& listener : listeners_) listener(named);
    }
    // A store that hangs takes no more than a tenth of the time.
    const std::int64_t now_ns = config_.now();
    next_naming_ns_ = now_ns + std::max(second_ns, 10 * (now_ns - begin_ns));
}

/// With the lock held.
void LinkModes::apply(const std::vector<BurstDetector::Change>& changes) {
    for (const auto& change : changes) {
        ++entered_[static_cast<std::size_t>(change.to)];
        if (change.to == LinkMode::normal) {
            modes_.erase(change.link_id);
        } else {
            modes_[change.link_id] = change.to;
        }
    }
    special_.store(modes_.size(), std::memory_order_release);
}

void LinkModes::announce(LinkModeChange change) {
    const bool up = change.to > change.from;
    (up ? log::warn : log::info)(
        "link_mode", {{"link", change.link_id},
                      {"code", change.code},
                      {"from", name_of(change.from)},
                      {"to", name_of(change.to)},
                      {"clicks_per_s", std::to_string(static_cast<long>(change.rate_per_s))},
                      {"forced", change.forced ? "yes" : "no"}});
    for (const Listener& listener : listeners_) listener(change);
}

std::vector<std::string> LinkModes::codes_of(const std::vector<BurstDetector::Change>& changes) {
    std::vector<std::uint64_t> unknown;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& change : changes) {
            if (!codes_.contains(change.link_id)) unknown.push_back(change.link_id);
        }
    }
    std::vector<std::string> asked;
    if (!unknown.empty() && config_.codes_of) asked = config_.codes_of(unknown);
    const std::lock_guard lock(mutex_);
    for (std::size_t at = 0; at < asked.size(); ++at) {
        if (!asked[at].empty()) codes_[unknown[at]] = std::move(asked[at]);
    }
    std::vector<std::string> codes;
    for (const auto& change : changes) {
        const auto known = codes_.find(change.link_id);
        codes.push_back(known == codes_.end() ? std::string() : known->second);
    }
    for (const auto& change : changes) {
        if (!modes_.contains(change.link_id)) codes_.erase(change.link_id);
    }
    return codes;
}

LinkMode LinkModes::mode_of(std::uint64_t link_id) const {
    if (special_.load(std::memory_order_acquire) == 0) return LinkMode::normal;
    const std::lock_guard lock(mutex_);
    const auto known = modes_.find(link_id);
    return known == modes_.end() ? LinkMode::normal : known->second;
}

std::vector<std::uint64_t> LinkModes::in_burst() const {
    std::vector<std::uint64_t> links;
    if (special_.load(std::memory_order_acquire) == 0) return links;
    const std::lock_guard lock(mutex_);
    for (const auto& [link_id, mode] : modes_) {
        if (mode == LinkMode::burst) links.push_back(link_id);
    }
    return links;
}

Result<void> LinkModes::force(std::uint64_t link_id, const std::string& code,
                              std::optional<LinkMode> mode) {
    const std::lock_guard lock(mutex_);
    const auto changes = detector_.force(link_id, mode, config_.now());
    if (mode && changes.empty()) {
        const auto known = modes_.find(link_id);
        const LinkMode now = known == modes_.end() ? LinkMode::normal : known->second;
        if (now != *mode) {
            return error(Errc::unavailable,
                         "too many links are in a mode of their own; set one "
                         "of them to auto first");
        }
    }
    if (mode) codes_[link_id] = code;
    if (!mode && changes.empty() && !modes_.contains(link_id)) codes_.erase(link_id);
    apply(changes);
    unannounced_.insert(unannounced_.end(), changes.begin(), changes.end());
    wake_.notify_all();
    return {};
}

std::vector<LinkModeStanding> LinkModes::standings() const {
    const std::lock_guard lock(mutex_);
    const std::int64_t now_ns = config_.now();
    std::vector<LinkModeStanding> all;
    for (const auto& standing : detector_.standings()) {
        const auto code = codes_.find(standing.link_id);
        all.push_back({standing.link_id, code == codes_.end() ? "" : code->second, standing.mode,
                       standing.rate_per_s, now_ns - standing.since_ns, standing.forced});
    }
    return all;
}

std::optional<std::uint64_t> LinkModes::link_of(const std::string& code) const {
    const std::lock_guard lock(mutex_);
    for (const auto& standing : detector_.standings()) {
        const auto known = codes_.find(standing.link_id);
        if (known != codes_.end() && known->second == code) return standing.link_id;
    }
    return std::nullopt;
}

LinkModeFigures LinkModes::figures() const {
    const std::lock_guard lock(mutex_);
    LinkModeFigures figures;
    for (const auto& standing : detector_.standings()) {
        ++figures.links[static_cast<std::size_t>(standing.mode)];
    }
    figures.entered = entered_;
    figures.followed = detector_.followed();
    return figures;
}

void LinkModes::began(const std::vector<ProducerCursor>&, std::uint64_t) noexcept {
    backlog_ = true;
}

/// Clicks of a backlog are of any time, and say nothing of the rate now.
void LinkModes::landed(const LandedCounts& counts) noexcept {
    if (counts.behind || std::exchange(backlog_, false)) {
        backlog_ = counts.behind;
        return;
    }
    // A batch of more than a second is one second's share of it to the detector.
    const double share = counts.span_ns > second_ns
                             ? static_cast<double>(second_ns) / static_cast<double>(counts.span_ns)
                             : 1;
    const std::lock_guard lock(mutex_);
    const std::uint64_t enough = std::max<std::uint64_t>(1, detector_.clicks_followed() / 10);
    const auto& clicks = counts.batch.clicks;
    for (std::size_t at = 0; at < clicks.size();) {
        const std::uint64_t link_id = clicks[at].link_id;
        std::uint64_t sum = 0;
        for (; at < clicks.size() && clicks[at].link_id == link_id; ++at) sum += clicks[at].count;
        if (share < 1) sum = static_cast<std::uint64_t>(static_cast<double>(sum) * share);
        if (link_id != 0 && sum >= enough && pending_.size() < pending_max) {
            pending_.push_back({link_id, sum});
        }
    }
}

}  // namespace qck::clicks
