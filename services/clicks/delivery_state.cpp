#include "services/clicks/delivery_state.hpp"

#include <algorithm>
#include <cstdio>

#include "base/random.hpp"
#include "services/clicks/segment_retention.hpp"

namespace qck::clicks {
namespace {

/// Folds numbers to 128 bits that differ when any of them does.
class TokenHash {
public:
    void add(std::uint64_t value) {
        first_ = mix64(first_ ^ value);
        second_ = mix64(second_ + 0x9e3779b97f4a7c15 * (value + 1));
    }
    void add(const Cursor& at) {
        add(std::uint64_t{at.epoch} << 32 | at.segment);
        add(at.offset);
    }
    std::string hex() const {
        char text[33];
        std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(first_),
                      static_cast<unsigned long long>(second_));
        return text;
    }

private:
    std::uint64_t first_ = 1;
    std::uint64_t second_ = 2;
};

}  // namespace

std::string SealedBatch::token(std::uint64_t node) const {
    TokenHash hash;
    hash.add(node);
    hash.add(only_links.empty() ? 0 : 1);
    if (only_links.empty()) hash.add(std::uint64_t{0});
    for (const std::uint64_t link : only_links) hash.add(link);
    for (const std::uint64_t link : except_links) hash.add(link);
    for (const Stretch& stretch : stretches) {
        hash.add(stretch.shard);
        hash.add(stretch.from);
        hash.add(stretch.to);
    }
    if (pass != 0) hash.add(pass);
    return hash.hex();
}

Cursor DeliveryState::cursor(std::uint16_t shard) const { return cursor_of(cursors_, shard); }

Cursor DeliveryState::next_cursor(std::uint16_t shard) const {
    if (sealed_ && sealed_->only_links.empty()) {
        for (const Stretch& stretch : sealed_->stretches) {
            if (stretch.shard == shard) return stretch.to;
        }
    }
    return cursor(shard);
}

std::vector<ProducerCursor> DeliveryState::needed() const {
    std::vector<ProducerCursor> needed = cursors_;
    for (const auto& owed : deferred_) {
        for (ProducerCursor& each : needed) {
            if (each.shard == owed.stretch.shard) each.at = std::min(each.at, owed.stretch.from);
        }
    }
    return needed;
}

std::optional<OwedRows> DeliveryState::due(const std::vector<std::uint64_t>& still_deferred) const {
    std::vector<const DeferredStretch*> due;
    for (const DeferredStretch& owed : deferred_) {
        const bool waits =
            std::binary_search(still_deferred.begin(), still_deferred.end(), owed.link_id);
        if (!waits && (due.empty() || owed.stretch.shard == due.front()->stretch.shard)) {
            due.push_back(&owed);
        }
    }
    if (due.empty()) return std::nullopt;
    const auto* const first = *std::min_element(
        due.begin(), due.end(), [](auto* a, auto* b) { return a->stretch.from < b->stretch.from; });
    OwedRows rows{{}, first->stretch};
    for (const DeferredStretch* const owed : due) {
        if (rows.stretch.from < owed->stretch.from) {
            rows.stretch.to = std::min(rows.stretch.to, owed->stretch.from);
        } else if (rows.links.size() < owed_links_max) {
            rows.stretch.to = std::min(rows.stretch.to, owed->stretch.to);
            rows.links.push_back(owed->link_id);
        }
    }
    std::sort(rows.links.begin(), rows.links.end());
    return rows;
}

bool DeliveryState::can_defer(std::size_t links) const {
    const std::size_t in_hand = sealed_ ? sealed_->except_links.size() : 0;
    return deferred_.size() + (in_hand + links) * std::max<std::size_t>(cursors_.size(), 1) <=
           deferred_max;
}

void DeliveryState::seal(SealedBatch batch) {
    sealed_ = std::move(batch);
    step_ = Step::save;
    unsaved_ = true;
}

bool DeliveryState::may_be_there(const SealedBatch& batch) const {
    if (!batch.only_links.empty()) return true;
    return std::any_of(batch.stretches.begin(), batch.stretches.end(), [this](const Stretch& each) {
        return each.from < cursor_of(verify_until_, each.shard);
    });
}

void DeliveryState::saved() {
    unsaved_ = false;
    step_ = may_be_there(*sealed_) ? Step::ask : Step::send;
}

void DeliveryState::answered(bool all_present) {
    step_ = Step::send;
    if (all_present) acknowledged();
}

void DeliveryState::acknowledged() {
    for (const Stretch& stretch : sealed_->stretches) {
        if (!sealed_->only_links.empty()) {
            for (const std::uint64_t link : sealed_->only_links) settle_owed(link, stretch);
            continue;
        }
        move(cursors_, stretch.shard, stretch.to);
        if (stretch.from == stretch.to) continue;
        for (const std::uint64_t link : sealed_->except_links) owe(link, stretch);
    }
    std::erase_if(verify_until_, [this](const ProducerCursor& until) {
        return !(cursor(until.shard) < until.at);
    });
    sealed_.reset();
    step_ = Step::seal;
    unsaved_ = true;
}

void DeliveryState::move(std::vector<ProducerCursor>& cursors, std::uint16_t shard,
                         const Cursor& to) {
    for (ProducerCursor& each : cursors) {
        if (each.shard == shard) {
            each.at = to;
            return;
        }
    }
    cursors.push_back({shard, to});
}

void DeliveryState::owe(std::uint64_t link_id, const Stretch& stretch) {
    for (DeferredStretch& owed : deferred_) {
        if (owed.link_id == link_id && owed.stretch.shard == stretch.shard &&
            owed.stretch.to == stretch.from) {
            owed.stretch.to = stretch.to;
            return;
        }
    }
    deferred_.push_back({link_id, stretch});
}

void DeliveryState::settle_owed(std::uint64_t link_id, const Stretch& stretch) {
    for (DeferredStretch& owed : deferred_) {
        if (owed.link_id == link_id && owed.stretch.shard == stretch.shard &&
            owed.stretch.from == stretch.from) {
            owed.stretch.from = stretch.to;
            break;
        }
    }
    std::erase_if(deferred_, [](const DeferredStretch& owed) {
        return !(owed.stretch.from < owed.stretch.to);
    });
}

void DeliveryState::rewind() {
    for (ProducerCursor& each : cursors_) {
        const Cursor until = std::max(cursor_of(verify_until_, each.shard), each.at);
        move(verify_until_, each.shard, until);
        each.at = {};
    }
    // What is owed lies before the cursors' old places and is read again with everything else.
    deferred_.clear();
    ++pass_;
    unsaved_ = true;
}

}  // namespace qck::clicks
