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
        case DeliveryState::Step::await:
            return await(now_ns);
        case DeliveryState::Step::ask:
            return ask();
    }
    return Did::nothing;
}

void EventShipper::begin_open() {
    open_ = {};
    open_.rows.node = config_.node;
    open_.what.pass = state_.pass();
    if (config_.deferred_links) {
        auto links = config_.deferred_links();
        links.resize(std::min(links.size(), deferred_links_max));
        if (state_.can_defer(links.size())) open_.what.except_links = std::move(links);
    }
    open_.begun = true;
}

/// Adds what there is to the open batch, up to its size; whether it has moved any cursor.
Result<bool> EventShipper::read_open(std::int64_t now_ns) {
    bool moved = false;
    auto& stretches = open_.what.stretches;
    for (const std::uint16_t shard : source_.shards()) {
        auto stretch = std::find_if(stretches.begin(), stretches.end(),
                                    [shard](const Stretch& each) { return each.shard == shard; });
        if (stretch == stretches.end()) {
            const Cursor at = state_.next_cursor(shard);
            stretch = stretches.insert(stretch, {shard, at, at});
        }
        if (open_.rows.rows.size() < config_.rows_max) {
            const auto to =
                source_.read(shard, stretch->to, source_.end(shard), {{}, open_.what.except_links},
                             config_.rows_max - open_.rows.rows.size(), open_.rows);
            if (!to) {
                open_.begun = false;
                return to.error();
            }
            stretch->to = *to;
        }
        moved = moved || stretch->from < stretch->to;
    }
    if (moved && open_.first_row_ns == 0) open_.first_row_ns = now_ns;
    return moved;
}

void EventShipper::finish_open() {
    auto& rows = open_.rows.rows;
    const auto earlier = [](const EventRow& a, const EventRow& b) { return a.id < b.id; };
    // Read at several times, the shards' rows alternate.
    if (!std::is_sorted(rows.begin(), rows.end(), earlier)) {
        std::sort(rows.begin(), rows.end(), earlier);
    }
    name(open_.rows, open_.what);
    resolve(open_.rows);
    open_.finished = true;
}

Result<EventShipper::Did> EventShipper::collect(std::int64_t now_ns) {
    if (!open_.begun) {
        if (std::exchange(rewind_asked_, false)) state_.rewind();
        begin_open();
        // Turn about with what is new, so that neither waits for the other.
        if (const auto owed = state_.due(open_.what.except_links);
            owed && std::exchange(owed_turn_, false)) {
            return seal_owed(*owed);
        }
        owed_turn_ = true;
    }
    if (!open_.finished) {
        const auto moved = read_open(now_ns);
        if (!moved) return moved.error();
        if (!*moved) {
            hurry_ = false;
            open_.begun = false;
            const bool owed_waits = state_.due(open_.what.except_links).has_value();
            if (owed_waits || !state_.unsaved()) {
                return owed_waits ? Did::something : Did::nothing;
            }
            const auto saved = file_.save(state_.text(config_.node));
            if (!saved) return saved.error();
            state_.note_saved();
            return Did::nothing;
        }
        const bool old =
            now_ns - open_.first_row_ns >= std::chrono::nanoseconds(config_.age_max).count();
        if (open_.rows.rows.size() < config_.rows_max && !old && !hurry_) return Did::nothing;
        finish_open();
    }
    batch_ = std::move(open_.rows);
    batch_built_ = true;
    state_.seal(std::move(open_.what));
    open_ = {};
    hurry_ = false;  // else every batch would be a small one until nothing comes for a moment
    return Did::something;
}

Result<EventShipper::Did> EventShipper::seal_owed(const OwedRows& owed) {
    open_ = {};
    EventBatch rows;
    rows.node = config_.node;
    SealedBatch batch;
    batch.only_links = owed.links;
    batch.pass = state_.pass();
    const Stretch& stretch = owed.stretch;
    const auto to = source_.read(stretch.shard, stretch.from, stretch.to, {owed.links, {}},
                                 config_.rows_max, rows);
    if (!to) return to.error();
    // Segments that are gone end a stretch: what they had is nobody's to send any more.
    batch.stretches.push_back({stretch.shard, stretch.from, std::min(*to, stretch.to)});
    if (!(stretch.from < *to)) batch.stretches.back().to = stretch.to;
    name(rows, batch);
    resolve(rows);
    batch_ = std::move(rows);
    batch_built_ = true;
    state_.seal(std::move(batch));
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
    read_ahead_ = false;
    if (const auto sent = sink_.send(batch_); !sent) {
        ++figures_.failures;
        state_.outcome_unknown();
        return sent.error();
    }
    state_.sent();
    return Did::something;
}

Result<EventShipper::Did> EventShipper::await(std::int64_t now_ns) {
    if (!std::exchange(read_ahead_, true)) {
        read_ahead(now_ns);
        return Did::something;
    }
    if (const auto taken = sink_.outcome(); !taken) {
        ++figures_.failures;
        state_.outcome_unknown();
        return taken.error();
    }
    figures_.rows += batch_.rows.size();
    state_.acknowledged();
    done();
    return Did::something;
}

/// Reads what comes after the batch in hand, and prepares it when it is as large as it gets. What
/// is owed, or to be read again, takes its turn first. A failure is found again by collect().
void EventShipper::read_ahead(std::int64_t now_ns) {
    if (open_.begun || rewind_asked_) return;
    begin_open();
    if (state_.due(open_.what.except_links)) {
        open_ = {};
        return;
    }
    const auto moved = read_open(now_ns);
    if (!moved || !*moved) {
        open_ = {};
        return;
    }
    if (open_.rows.rows.size() < config_.rows_max) return;
    finish_open();
    sink_.prepare(open_.rows);
}

void EventShipper::name(EventBatch& rows, const SealedBatch& batch) const {
    rows.token = batch.token(config_.node);
    rows.again = batch.pass != 0;
}

void EventShipper::resolve(EventBatch& batch) const {
    if (config_.resolve_links) config_.resolve_links(batch);
    batch.links.resize(batch.link_ids.size());
}

void EventShipper::done() {
    ++figures_.batches;
    figures_.deferred = state_.deferred().size();
    batch_built_ = false;
}

Result<void> EventShipper::rebuild() {
    const SealedBatch& sealed = state_.batch();
    open_ = {};  // a source builds one batch at a time
    batch_ = {};
    batch_.node = config_.node;
    name(batch_, sealed);
    for (const Stretch& stretch : sealed.stretches) {
        const auto to = source_.read(stretch.shard, stretch.from, stretch.to,
                                     {sealed.only_links, sealed.except_links}, no_limit, batch_);
        if (!to) return to.error();
    }
    std::sort(batch_.rows.begin(), batch_.rows.end(),
              [](const EventRow& a, const EventRow& b) { return a.id < b.id; });
    resolve(batch_);
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
