#include "services/clicks/total_delivery.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/circuit_log.hpp"
#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/log.hpp"

namespace qck::clicks {
namespace {

/// The counting thread tells of a batch right after the store took it.
constexpr auto revision_wait = std::chrono::milliseconds(200);

std::vector<LinkTotals> by_link(std::span<const ProducerTotal> rows) {
    std::vector<LinkTotals> links;
    for (const ProducerTotal& row : rows) {
        if (links.empty() || links.back().link_id != row.link_id) {
            links.push_back({row.link_id, {}, false});
        }
        if (row.total > 0) links.back().parts.push_back({row.shard, row.click_class, row.total});
    }
    return links;
}

std::uint64_t sum_of(const LinkTotals& link) {
    std::uint64_t sum = 0;
    for (const auto& part : link.parts) sum += part.total;
    return sum;
}

}  // namespace

TotalDelivery::TotalDelivery(const Parts& parts, TotalDeliveryConfig config)
    : parts_(parts),
      config_(std::move(config)),
      owed_(config_.limits, parts_.position.load()),
      backoff_(config_.backoff, config_.jitter_seed),
      part_backoff_(config_.backoff, ~config_.jitter_seed),
      all_delivered_ns_(config_.now()) {}

TotalDelivery::~TotalDelivery() { stop(std::chrono::milliseconds(0)); }

void TotalDelivery::start() {
    thread_ = std::thread([this] { run(); });
}

void TotalDelivery::stop(std::chrono::milliseconds deadline) {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        stop_by_ns_ = config_.now() + std::chrono::nanoseconds(deadline).count();
    }
    wake_.notify_all();
    thread_.join();
}

void TotalDelivery::run() {
    name_thread(("qck-to-" + std::string(name())).c_str());
    while (true) {
        const std::int64_t now_ns = config_.now();
        round(Pace::gentle);
        const std::int64_t next_ns = next_round_ns(now_ns);
        std::unique_lock lock(mutex_);
        round_at_ns_ = next_ns;
        wake_.wait_for(lock, std::chrono::nanoseconds(next_ns - config_.now()),
                       [this] { return stopping_ || woken_; });
        if (stopping_) break;
        woken_ = false;
    }
    const std::int64_t by_ns = [this] {
        const std::lock_guard lock(mutex_);
        return stop_by_ns_;
    }();
    if (config_.now() < by_ns && !deliver_owed(Pace::full)) {
        log::warn("totals_not_delivered",
                  {{"sink", name()}, {"effect", "they are delivered after the next start"}});
    }
    save_position(true);
}

bool TotalDelivery::round() { return round(Pace::full); }

bool TotalDelivery::round(Pace pace) {
    const std::int64_t now_ns = config_.now();
    if (now_ns < not_before_ns_) return false;
    const bool asked = ask_incarnation();
    const bool done = deliver_owed(pace) && asked;
    if (done) all_delivered_ns_.store(now_ns, std::memory_order_relaxed);
    save_position(false);
    return done;
}

/// Parts of a walk come as its pace allows, also when deliveries are far apart.
std::int64_t TotalDelivery::next_round_ns(std::int64_t began_ns) {
    std::int64_t next_ns = began_ns + std::chrono::nanoseconds(config_.every).count();
    {
        const std::lock_guard lock(mutex_);
        const bool walks_on = owed_.walking() && next_walk_ns_ > began_ns;
        if (walks_on) next_ns = std::min(next_ns, next_walk_ns_);
    }
    return std::max(next_ns, not_before_ns_);
}

/// False while nobody knows whether the sink still has what it was given. One that does not answer
/// is failing, though its breaker is left to those who have something to deliver.
bool TotalDelivery::ask_incarnation() {
    const std::int64_t now_ns = config_.now();
    if (now_ns < next_ask_ns_) return asked_;
    // A delivery is to find out whether it works again.
    if (parts_.breaker.is_open()) return false;
    next_ask_ns_ = now_ns + std::chrono::nanoseconds(config_.ask_every).count();
    const auto incarnation = parts_.sink.incarnation();
    asked_ = incarnation.has_value();
    if (!incarnation) {
        note_failing(incarnation.error(), "sink_does_not_answer", next_ask_ns_);
        return false;
    }
    if (!incarnation->empty()) note_working();
    const std::lock_guard lock(mutex_);
    if (owed_.sink_is(*incarnation)) {
        log::info("delivering_everything",
                  {{"sink", name()}, {"why", "it is new, or may have lost what it was given"}});
    }
    return true;
}

bool TotalDelivery::deliver_owed(Pace pace) {
    while (true) {
        OwedTotals::Task task;
        {
            const std::lock_guard lock(mutex_);
            hurried_ = hurried_ && owed_.walking();
            const std::int64_t now_ns = config_.now();
            const bool walk_now = now_ns >= walk_not_before_ns_ &&
                                  (pace == Pace::full || hurried_ || now_ns >= next_walk_ns_);
            task = owed_.next([this](std::uint64_t link) { return waits(link); }, walk_now);
            if (task.kind == OwedTotals::Task::Kind::nothing) {
                return owed_.all_delivered() && aside_.empty();
            }
            if (stopping_ && config_.now() >= stop_by_ns_) return false;
        }
        if (!do_task(task)) return false;
        save_position(false);
    }
}

bool TotalDelivery::do_task(const OwedTotals::Task& task) {
    switch (task.kind) {
        case OwedTotals::Task::Kind::read_journal:
            return read_journal(task);
        case OwedTotals::Task::Kind::walk:
            return do_walk(task);
        case OwedTotals::Task::Kind::send:
            return do_send(task);
        case OwedTotals::Task::Kind::nothing:
            break;
    }
    return true;
}

bool TotalDelivery::read_journal(const OwedTotals::Task& task) {
    const auto found = parts_.journal.read(task.from, task.to, config_.limits.links_max);
    if (!found) return failed(found.error(), "journal_unreadable");
    if (found->gap) log::warn("delivering_everything", {{"sink", name()}, {"why", "journal gap"}});
    const std::lock_guard lock(mutex_);
    owed_.journal_read(found->links, found->reached, found->gap);
    return true;
}

bool TotalDelivery::do_send(const OwedTotals::Task& task) {
    const auto totals = parts_.store.totals_of(task.links);
    if (!totals) return failed(totals.error(), "totals_unreadable");
    const Given given = give(totals->value, totals->revision);
    if (!given.goes_on && given.untaken.empty()) return false;
    const std::lock_guard lock(mutex_);
    // So many are not remembered apart: as if nothing had been taken.
    if (aside_.size() + given.untaken.size() > config_.limits.links_max) return false;
    for (const std::uint64_t link : task.links) aside_.erase(link);
    put_aside(given.untaken);
    owed_.sent(task.links);
    return given.goes_on;
}

/// What a burst keeps from the sink it gets when this process ends: nobody knows when the next one
/// begins. With the mutex held.
bool TotalDelivery::suppressed(std::uint64_t link_id) const {
    return !stopping_ && config_.suppressed && config_.suppressed(link_id);
}

/// With the mutex held.
bool TotalDelivery::waits(std::uint64_t link_id) const {
    if (suppressed(link_id)) return true;
    return !aside_.empty() && config_.now() < aside_until_ns_ && aside_.contains(link_id);
}

/// What is put off is owed still, also when it is told that all of a task was sent. With the mutex
/// held.
void TotalDelivery::put_aside(std::span<const std::uint64_t> links) {
    if (links.empty()) {
        if (aside_.empty()) part_backoff_.reset();
        return;
    }
    for (const std::uint64_t link : links) owed_.put_off(link);
    aside_.insert(links.begin(), links.end());
    aside_until_ns_ = config_.now() + part_backoff_.next().count();
}

bool TotalDelivery::do_walk(const OwedTotals::Task& task) {
    auto totals = parts_.store.totals_after(task.after, config_.limits.part_links_max);
    if (!totals) return failed(totals.error(), "totals_unreadable");
    std::optional<std::uint64_t> last;
    if (!totals->value.empty()) last = totals->value.back().link_id;
    std::size_t walked = 0;
    for (std::size_t at = 0; at < totals->value.size(); ++at) {
        walked += at == 0 || totals->value[at].link_id != totals->value[at - 1].link_id ? 1 : 0;
    }
    if (config_.suppressed) {
        const std::lock_guard lock(mutex_);
        std::erase_if(totals->value, [&](const ProducerTotal& row) {
            if (!suppressed(row.link_id)) return false;
            owed_.put_off(row.link_id);
            return true;
        });
    }
    const Given given = give(totals->value, totals->revision);
    if (!given.untaken.empty()) {
        // The same part once more, later; clicks of meanwhile do not wait for it.
        walk_not_before_ns_ = next_walk_ns_ = config_.now() + part_backoff_.next().count();
    }
    if (!given.goes_on || !given.untaken.empty()) return given.goes_on;
    walks_.fetch_add(1, std::memory_order_relaxed);
    next_walk_ns_ = config_.now() + static_cast<std::int64_t>(walked) * second_ns /
                                        std::max(config_.walk_links_per_s, 1U);
    const std::lock_guard lock(mutex_);
    owed_.walked(task, last);
    return true;
}

TotalDelivery::Given TotalDelivery::give(std::span<const ProducerTotal> rows,
                                         std::uint64_t revision) {
    std::vector<LinkTotals> links = by_link(rows);
    if (links.empty()) return {};
    if (!parts_.breaker.allows(config_.now())) return {false};
    await_revision(revision);
    {
        const std::lock_guard lock(mutex_);
        const bool current = owed_.revision() >= revision;
        for (LinkTotals& link : links) {
            link.delivered_before = current && owed_.delivered_before(link.link_id, sum_of(link));
        }
    }
    auto taken = parts_.sink.deliver(parts_.node, links);
    if (!taken) return none_taken(links, taken.error());
    succeeded(parts_.breaker, {name(), "counts"});
    backoff_.reset();
    note_working();
    not_before_ns_ = 0;
    batches_.fetch_add(1, std::memory_order_relaxed);
    lost_.fetch_add(taken->lost.size(), std::memory_order_relaxed);
    return taken_in_part(std::move(*taken), links.size());
}

/// Links that were not taken before either, while others were, say nothing new of the sink: neither
/// the back-off nor the breaker is to keep the others waiting for them.
TotalDelivery::Given TotalDelivery::none_taken(std::span<const LinkTotals> links,
                                               const Error& why) {
    Given given;
    bool expected = failing_in_part_;
    {
        const std::lock_guard lock(mutex_);
        for (const LinkTotals& link : links) {
            given.untaken.push_back(link.link_id);
            expected = expected && aside_.contains(link.link_id);
        }
    }
    if (expected) {
        failures_.fetch_add(1, std::memory_order_relaxed);
        return given;
    }
    failing_in_part_ = false;
    qck::failed(parts_.breaker, config_.now(), {name(), "counts"}, why);
    given.goes_on = failed(why, "delivery_failed");
    return given;
}

TotalDelivery::Given TotalDelivery::taken_in_part(Taken taken, std::size_t links) {
    delivered_.fetch_add(links - taken.untaken.size(), std::memory_order_relaxed);
    if (!taken.untaken.empty()) {
        failures_.fetch_add(1, std::memory_order_relaxed);
        if (!std::exchange(failing_in_part_, true)) {
            log::error("delivery_failed_in_part",
                       {{"sink", name()},
                        {"links", taken.untaken.size()},
                        {"error", taken.why},
                        {"effect", "their counts wait in the local store, others do not"}});
        }
    } else {
        const std::lock_guard lock(mutex_);
        // Those aside were not taken when others were not either: now others are.
        failing_in_part_ = !aside_.empty();
    }
    return {true, std::move(taken.untaken)};
}

void TotalDelivery::await_revision(std::uint64_t revision) {
    std::unique_lock lock(mutex_);
    told_.wait_for(lock, revision_wait, [&] { return stopping_ || owed_.revision() >= revision; });
}

bool TotalDelivery::failed(const Error& error, const char* what) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    not_before_ns_ = config_.now() + backoff_.next().count();
    note_failing(error, what, not_before_ns_);
    next_ask_ns_ = 0;
    return false;
}

void TotalDelivery::note_failing(const Error& error, const char* what, std::int64_t again_ns) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = failing_.empty();
        failing_ = error.message;
        again_ns_ = again_ns;
    }
    if (!first) return;
    log::error(
        what,
        {{"sink", name()}, {"error", error.message}, {"effect", "counts wait in the local store"}});
}

void TotalDelivery::note_working() {
    bool before = false;
    {
        const std::lock_guard lock(mutex_);
        before = !std::exchange(failing_, std::string()).empty();
    }
    if (before) log::info("delivery_works_again", {{"sink", name()}});
}

void TotalDelivery::save_position(bool at_once) {
    const std::int64_t now_ns = config_.now();
    if (now_ns < next_save_ns_ && !at_once) return;
    std::optional<DeliveryPosition> position;
    {
        const std::lock_guard lock(mutex_);
        if (owed_.position_version() == saved_version_) return;
        saved_version_ = owed_.position_version();
        position = owed_.position();
    }
    next_save_ns_ = now_ns + std::chrono::nanoseconds(config_.save_every).count();
    if (const auto saved = parts_.position.save(position); !saved) {
        log::error("position_not_saved", {{"sink", name()}, {"error", saved.error().message}});
        saved_version_ = 0;
    }
}

void TotalDelivery::mark(std::uint64_t link_id) {
    const std::lock_guard lock(mutex_);
    owed_.mark(link_id);
}

void TotalDelivery::mark_all() {
    const std::lock_guard lock(mutex_);
    owed_.mark_all();
    hurried_ = true;
}

void TotalDelivery::began(const std::vector<ProducerCursor>& cursors,
                          std::uint64_t revision) noexcept {
    const std::lock_guard lock(mutex_);
    owed_.began(cursors, revision);
    told_.notify_all();
}

void TotalDelivery::landed(const LandedCounts& counts) noexcept {
    const std::lock_guard lock(mutex_);
    owed_.landed(counts.batch, counts.cursors, counts.revision);
    told_.notify_all();
}

bool TotalDelivery::delivered_until(const std::vector<ProducerCursor>& until) {
    const std::lock_guard lock(mutex_);
    if (owed_.delivered_until(until, [this](std::uint64_t link) { return suppressed(link); })) {
        return true;
    }
    hurried_ = woken_ = true;
    wake_.notify_all();
    return false;
}

std::vector<std::uint64_t> TotalDelivery::held_back() const {
    const std::lock_guard lock(mutex_);
    return owed_.owed();
}

/// Neither back-off nor breaker make a round come sooner. With the mutex held.
std::int64_t TotalDelivery::next_try_ns() const {
    if (failing_.empty() && !parts_.breaker.is_open()) return 0;
    const std::int64_t allowed_ns = std::max(again_ns_, parts_.breaker.open_until_ns());
    const std::int64_t every_ns = std::chrono::nanoseconds(config_.every).count();
    const std::int64_t late_ns = std::max<std::int64_t>(allowed_ns - round_at_ns_, 0);
    return round_at_ns_ + (late_ns + every_ns - 1) / every_ns * every_ns;
}

TotalDeliveryFigures TotalDelivery::figures() const {
    TotalDeliveryFigures figures;
    {
        const std::lock_guard lock(mutex_);
        figures.links_pending = owed_.pending();
        figures.failing = failing_;
        figures.next_try_ns = next_try_ns();
        if (!owed_.all_delivered() || !aside_.empty()) {
            figures.lag_seconds = static_cast<double>(config_.now() - all_delivered_ns_) / 1e9;
        }
    }
    figures.delivered = delivered_;
    figures.batches = batches_;
    figures.failures = failures_;
    figures.lost = lost_;
    figures.walks = walks_;
    return figures;
}

}  // namespace qck::clicks
