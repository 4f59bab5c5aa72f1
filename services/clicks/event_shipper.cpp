#include "services/clicks/event_shipper.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace qck::clicks {
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
/// So many links may be deferred at a time; others are sent as usual.
constexpr std::size_t deferred_links_max = 1'024;

}  // namespace

EventShipper::EventShipper(EventSource& source, EventSink& sink, StateFile& file,
                           ShipperConfig config)
    : source_(source), sink_(sink), file_(file), config_(std::move(config)) {}

Result<void> EventShipper::load() {
    const auto text = file_.load();
    if (!text) return text.error();
    if (!*text) return {};
    auto state = DeliveryState::parse(**text, config_.node);
    if (!state) return state.error();
    state_ = std::move(*state);
    return {};
}

Result<EventShipper::Did> EventShipper::step(std::int64_t now_ns) {
    switch (state_.next()) {
        case DeliveryState::Step::seal:
            return collect(now_ns);
        case DeliveryState::Step::save:
            return save();
        case DeliveryState::Step::send:
            return send();
        case DeliveryState::Step::ask:
            return ask();
    }
    return Did::nothing;
}

void EventShipper::begin_batch() {
    batch_ = {};
    batch_.node = config_.node;
    open_ = {};
    if (config_.deferred_links) {
        auto links = config_.deferred_links();
        links.resize(std::min(links.size(), deferred_links_max));
        if (state_.can_defer(links.size())) open_.except_links = std::move(links);
    }
    open_begun_ = true;
}

Result<EventShipper::Did> EventShipper::collect(std::int64_t now_ns) {
    if (!open_begun_) {
        if (std::exchange(rewind_asked_, false)) state_.rewind();
        begin_batch();
        // Turn about with what is new, so that neither waits for the other.
        if (const auto owed = state_.due(open_.except_links);
            owed && std::exchange(owed_turn_, false)) {
            return seal_owed(*owed);
        }
        owed_turn_ = true;
    }
    bool moved = false;
    for (const std::uint16_t shard : source_.shards()) {
        auto stretch = std::find_if(open_.stretches.begin(), open_.stretches.end(),
                                    [shard](const Stretch& each) { return each.shard == shard; });
        if (stretch == open_.stretches.end()) {
            const Cursor at = state_.cursor(shard);
            stretch = open_.stretches.insert(stretch, {shard, at, at});
        }
        if (batch_.rows.size() < config_.rows_max) {
            const auto to = source_.read(shard, stretch->to, source_.end(shard),
                                         {std::nullopt, open_.except_links},
                                         config_.rows_max - batch_.rows.size(), batch_);
            if (!to) {
                open_begun_ = false;
                return to.error();
            }
            stretch->to = *to;
        }
        moved = moved || stretch->from < stretch->to;
    }
    if (!moved) {
        hurry_ = false;
        open_begun_ = false;
        const bool owed_waits = state_.due(open_.except_links).has_value();
        if (owed_waits || !state_.unsaved()) return owed_waits ? Did::something : Did::nothing;
        const auto saved = file_.save(state_.text(config_.node));
        if (!saved) return saved.error();
        state_.note_saved();
        return Did::nothing;
    }
    if (first_row_ns_ == 0) first_row_ns_ = now_ns;
    const bool old = now_ns - first_row_ns_ >= std::chrono::nanoseconds(config_.age_max).count();
    if (batch_.rows.size() < config_.rows_max && !old && !hurry_) return Did::nothing;
    std::sort(batch_.rows.begin(), batch_.rows.end(),
              [](const EventRow& a, const EventRow& b) { return a.id < b.id; });
    batch_.token = open_.token(config_.node);
    state_.seal(std::move(open_));
    open_begun_ = false;
    batch_built_ = true;
    first_row_ns_ = 0;
    return Did::something;
}

Result<EventShipper::Did> EventShipper::seal_owed(const DeferredStretch& owed) {
    open_begun_ = false;
    SealedBatch batch;
    batch.only_link = owed.link_id;
    const Stretch& stretch = owed.stretch;
    const auto to = source_.read(stretch.shard, stretch.from, stretch.to, {owed.link_id, {}},
                                 config_.rows_max, batch_);
    if (!to) return to.error();
    // Segments that are gone end a stretch: what they had is nobody's to send any more.
    batch.stretches.push_back({stretch.shard, stretch.from, std::min(*to, stretch.to)});
    if (!(stretch.from < *to)) batch.stretches.back().to = stretch.to;
    batch_.token = batch.token(config_.node);
    state_.seal(std::move(batch));
    batch_built_ = true;
    return Did::something;
}

Result<EventShipper::Did> EventShipper::save() {
    const auto saved = file_.save(state_.text(config_.node));
    if (!saved) return saved.error();
    state_.saved();
    return Did::something;
}

Result<EventShipper::Did> EventShipper::send() {
    if (batch_.rows.empty()) {
        state_.acknowledged();
        done();
        return Did::something;
    }
    if (config_.resolve_links) config_.resolve_links(batch_);
    batch_.links.resize(batch_.link_ids.size());
    const auto taken = sink_.insert(batch_);
    if (!taken) {
        ++figures_.failures;
        state_.outcome_unknown();
        return taken.error();
    }
    figures_.rows += batch_.rows.size();
    state_.acknowledged();
    done();
    return Did::something;
}

void EventShipper::done() {
    ++figures_.batches;
    figures_.deferred = state_.deferred().size();
    batch_built_ = false;
}

Result<void> EventShipper::rebuild() {
    const SealedBatch& sealed = state_.batch();
    batch_ = {};
    batch_.node = config_.node;
    batch_.token = sealed.token(config_.node);
    for (const Stretch& stretch : sealed.stretches) {
        const auto to = source_.read(stretch.shard, stretch.from, stretch.to,
                                     {sealed.only_link, sealed.except_links}, no_limit, batch_);
        if (!to) return to.error();
    }
    std::sort(batch_.rows.begin(), batch_.rows.end(),
              [](const EventRow& a, const EventRow& b) { return a.id < b.id; });
    batch_built_ = true;
    return {};
}

Result<EventShipper::Did> EventShipper::ask() {
    if (!batch_built_) {
        if (const auto rebuilt = rebuild(); !rebuilt) return rebuilt.error();
    }
    if (!batch_.rows.empty()) {
        ++figures_.asks;
        const auto present = sink_.present(batch_);
        if (!present) {
            ++figures_.failures;
            return present.error();
        }
        const auto before = batch_.rows.size();
        std::erase_if(batch_.rows, [&](const EventRow& row) {
            return std::binary_search(present->begin(), present->end(), row.id);
        });
        figures_.rows_found_there += before - batch_.rows.size();
        figures_.rows += before - batch_.rows.size();
        batch_.asked = true;
    }
    const bool all_present = batch_.rows.empty();
    state_.answered(all_present);
    if (all_present) done();
    return Did::something;
}

bool EventShipper::caught_up() {
    if (state_.next() != DeliveryState::Step::seal || resending()) return false;
    const auto shards = source_.shards();
    return std::all_of(shards.begin(), shards.end(), [this](std::uint16_t shard) {
        return !(state_.cursor(shard) < source_.end(shard));
    });
}

}  // namespace qck::clicks
