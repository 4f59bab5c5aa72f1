#include "services/clicks/owed_totals.hpp"

#include <algorithm>
#include <utility>

#include "services/clicks/segment_retention.hpp"

namespace qck::clicks {
namespace {

/// Whether nothing lies between `at` and `target`.
bool has_reached(const std::vector<ProducerCursor>& at, const std::vector<ProducerCursor>& target) {
    return std::all_of(target.begin(), target.end(), [&](const ProducerCursor& cursor) {
        return cursor_of(at, cursor.shard) >= cursor.at;
    });
}

void raise_to(std::vector<ProducerCursor>& cursors, const std::vector<ProducerCursor>& to) {
    for (const ProducerCursor& cursor : to) {
        const auto known = std::find_if(cursors.begin(), cursors.end(),
                                        [&](const auto& old) { return old.shard == cursor.shard; });
        if (known == cursors.end()) {
            cursors.push_back(cursor);
        } else {
            known->at = std::max(known->at, cursor.at);
        }
    }
}

}  // namespace

OwedTotals::OwedTotals(const Limits& limits, std::optional<DeliveryPosition> known)
    : limits_(limits), walking_(!known), position_(std::move(known)) {
    if (!position_) return;
    covered_ = position_->cursors;
    incarnation_ = position_->incarnation;
    for (const auto link : position_->owed) owed_[link].exact = false;
}

void OwedTotals::began(const std::vector<ProducerCursor>& cursors, std::uint64_t revision) {
    begun_ = true;
    revision_ = revision;
    target_ = known_from_ = cursors;
    // A store that was healed may have totals that no batch told of.
    for (Links* const links : {&touched_, &sweep_, &owed_}) {
        for (auto& [link, pending] : *links) pending.exact = false;
    }
    if (walking_) begin_walk();
}

void OwedTotals::begin_walk() {
    walking_ = true;
    ++walk_;
    walk_after_.reset();
    walk_to_ = target_;
}

void OwedTotals::landed(const CountBatch& batch, const std::vector<ProducerCursor>& cursors,
                        std::uint64_t revision) {
    for (const ClickCount& count : batch.clicks) touch(count.link_id, count.count);
    target_ = cursors;
    revision_ = revision;
    if (touched_.size() > limits_.links_max) {
        touched_ = {};
        known_from_ = target_;
        for (auto& [link, pending] : sweep_) pending.exact = false;
    }
}

void OwedTotals::touch(std::uint64_t link_id, std::uint64_t clicks) {
    touched_[link_id].clicks += clicks;
    if (owed_.empty()) return;
    if (const auto owed = owed_.find(link_id); owed != owed_.end()) owed->second.clicks += clicks;
}

void OwedTotals::mark(std::uint64_t link_id) {
    if (owed_.size() >= limits_.position_links_max) return mark_all();
    Pending& owed = owed_[link_id];
    owed.exact = owed.in_hand = false;
    renew_position();
}

void OwedTotals::mark_all() {
    begin_walk();
    // A crash before the end of the walk must begin it again.
    position_.reset();
    ++position_version_;
}

bool OwedTotals::sink_is(const std::string& incarnation) {
    if (incarnation == incarnation_) return false;
    incarnation_ = incarnation;
    mark_all();
    return true;
}

OwedTotals::Task OwedTotals::next(const Suppressed& suppressed, bool walk_now) {
    if (!begun_) return {};
    if (sweeping_) {
        Task part = part_of_sweep(suppressed);
        if (part.kind != Task::Kind::nothing) return part;
        end_sweep();
    }
    Task task;
    if (walking_) {
        // What was forgotten since the walk began is not told by a sweep.
        const bool may_sweep = !touched_.empty() && has_reached(walk_to_, known_from_);
        if (may_sweep && (walked_last_ || !walk_now)) {
            walked_last_ = false;
            return sweep_touched(suppressed);
        }
        if (!walk_now) return task;
        walked_last_ = true;
        task.kind = Task::Kind::walk;
        task.after = walk_after_;
        task.walk = walk_;
        return task;
    }
    if (!has_reached(covered_, known_from_)) {
        task.kind = Task::Kind::read_journal;
        task.from = covered_;
        task.to = known_from_;
        return task;
    }
    release_owed(suppressed);
    if (touched_.empty()) {
        if (!has_reached(covered_, target_)) {
            raise_to(covered_, target_);
            renew_position();
        }
        return task;
    }
    return sweep_touched(suppressed);
}

OwedTotals::Task OwedTotals::sweep_touched(const Suppressed& suppressed) {
    sweep_ = std::exchange(touched_, {});
    known_from_ = target_;
    begin_sweep(target_);
    Task task = part_of_sweep(suppressed);
    if (task.kind == Task::Kind::nothing) end_sweep();
    return task;
}

void OwedTotals::begin_sweep(const std::vector<ProducerCursor>& to) {
    sweeping_ = true;
    sweep_to_ = to;
}

OwedTotals::Task OwedTotals::part_of_sweep(const Suppressed& suppressed) {
    Task task;
    for (auto at = sweep_.begin();
         at != sweep_.end() && task.links.size() < limits_.part_links_max;) {
        const auto link = at++;
        if (suppressed && suppressed(link->first)) {
            put_off(link->first);
            sweep_.erase(link);
        } else {
            task.links.push_back(link->first);
            const auto owed = owed_.find(link->first);
            if (owed != owed_.end()) owed->second.in_hand = true;
        }
    }
    if (!task.links.empty()) task.kind = Task::Kind::send;
    return task;
}

void OwedTotals::end_sweep() {
    sweeping_ = false;
    sweep_ = {};
    // Only the end of a walk covers what was before it.
    raise_to(walking_ ? walk_to_ : covered_, sweep_to_);
    renew_position();
}

/// Positions name what is owed, so that a start knows it; a list that grew too long keeps the old
/// position, from where the journal tells the same.
void OwedTotals::renew_position() {
    if (walking_ || owed_.size() > limits_.position_links_max) return;
    DeliveryPosition position{covered_, {}, incarnation_};
    for (const auto& [link, pending] : owed_) position.owed.push_back(link);
    std::sort(position.owed.begin(), position.owed.end());
    position_ = std::move(position);
    ++position_version_;
}

/// Owed links stay owed until they were sent: a position of meanwhile must name them.
void OwedTotals::release_owed(const Suppressed& suppressed) {
    for (const auto& [link, pending] : owed_) {
        if (suppressed && suppressed(link)) continue;
        touched_[link] = pending;
    }
}

void OwedTotals::sent(std::span<const std::uint64_t> links) {
    bool settled = false;
    for (const auto link : links) {
        sweep_.erase(link);
        const auto owed = owed_.find(link);
        if (owed == owed_.end() || !owed->second.in_hand) continue;
        owed_.erase(owed);
        settled = true;
    }
    if (settled) renew_position();
}

void OwedTotals::journal_read(std::span<const std::uint64_t> links,
                              const std::vector<ProducerCursor>& reached, bool gap) {
    if (gap) return mark_all();
    for (const auto link : links) sweep_[link].exact = false;
    begin_sweep(reached);
}

void OwedTotals::walked(const Task& task, std::optional<std::uint64_t> last) {
    if (!walking_ || task.walk != walk_) return;
    if (last) {
        walk_after_ = last;
        return;
    }
    walking_ = false;
    raise_to(covered_, walk_to_);
    renew_position();
}

void OwedTotals::put_off(std::uint64_t link_id) {
    const auto [owed, fresh] = owed_.try_emplace(link_id);
    owed->second.in_hand = false;
    if (!fresh) return;  // touch() counted what came since
    const auto swept = sweep_.find(link_id);
    // A walk may owe it clicks of long before.
    if (swept == sweep_.end() || walking_) {
        owed->second.exact = false;
        return;
    }
    owed->second = swept->second;
    if (const auto more = touched_.find(link_id); more != touched_.end()) {
        owed->second.clicks += more->second.clicks;
        owed->second.exact = owed->second.exact && more->second.exact;
    }
}

bool OwedTotals::delivered_before(std::uint64_t link_id, std::uint64_t total) const {
    if (walking_) return false;
    // Put off before this sweep began: all that came since is counted there.
    if (const auto owed = owed_.find(link_id); owed != owed_.end()) {
        return owed->second.exact && total > owed->second.clicks;
    }
    const auto swept = sweep_.find(link_id);
    if (swept == sweep_.end() || !swept->second.exact) return false;
    std::uint64_t pending = swept->second.clicks;
    if (const auto more = touched_.find(link_id); more != touched_.end()) {
        if (!more->second.exact) return false;
        pending += more->second.clicks;
    }
    return total > pending;
}

bool OwedTotals::delivered_until(const std::vector<ProducerCursor>& until,
                                 const Suppressed& suppressed) const {
    if (!begun_ || walking_ || !has_reached(covered_, until)) return false;
    return std::all_of(owed_.begin(), owed_.end(),
                       [&](const auto& owed) { return suppressed && suppressed(owed.first); });
}

std::vector<std::uint64_t> OwedTotals::owed() const {
    std::vector<std::uint64_t> links;
    links.reserve(owed_.size());
    for (const auto& [link, pending] : owed_) links.push_back(link);
    return links;
}

bool OwedTotals::all_delivered() const {
    return begun_ && !walking_ && !sweeping_ && touched_.empty() &&
           has_reached(covered_, known_from_);
}

}  // namespace qck::clicks
