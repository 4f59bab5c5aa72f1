// How counting begins: what the store has, what the checkpoint has, and making them meet.
#include <algorithm>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "services/clicks/counting_loop.hpp"
#include "services/clicks/segment_retention.hpp"

namespace qck::clicks {
namespace {

/// Counts handed to the store at a time while it is healed.
constexpr std::size_t heal_part = 200'000;
constexpr std::size_t heal_read_bytes = 16 << 20;

}  // namespace

ShardReader ClickCounting::Loop::reader(std::uint16_t shard, const Cursor& from, bool seal) const {
    ShardReader::Options options;
    options.journal = journal_.directory().journal();
    options.node = journal_.directory().identity().node;
    options.shard = shard;
    options.seal = seal;
    return ShardReader(std::move(options), from);
}

Result<std::vector<std::uint16_t>> ClickCounting::Loop::all_shards(
    const std::vector<ProducerCursor>& stored) const {
    std::set<std::uint16_t> shards;
    for (std::uint16_t shard = 0; shard < journal_.shards(); ++shard) shards.insert(shard);
    for (const auto& cursor : stored) shards.insert(cursor.shard);
    for (const auto& cursor : covered_) shards.insert(cursor.shard);
    // Shards of a run with more threads, that nobody has counted yet.
    const auto found = list_shards(journal_.directory().journal());
    if (!found) return found.error();
    shards.insert(found->begin(), found->end());
    return std::vector<std::uint16_t>(shards.begin(), shards.end());
}

bool ClickCounting::Loop::prepare() {
    {
        const std::lock_guard lock(counts_mutex_);
        fold_.clear();
        flight_.reset();
        serving_ = false;
    }
    tails_.clear();
    flushed_.clear();
    since_checkpoint_.clear();
    covered_.clear();
    const auto stored = store_.cursors();
    if (!stored) {
        store_failed(stored.error());
        return false;
    }
    if (const auto ready = prepare_from(stored->value); !ready) {
        store_failed(ready.error());
        return false;
    }
    return true;
}

Result<void> ClickCounting::Loop::prepare_from(const std::vector<ProducerCursor>& before) {
    auto checkpoint = open_checkpoint(before);
    if (!checkpoint) return checkpoint.error();
    auto stored = before;
    if (*checkpoint) {
        covered_ = (*checkpoint)->cursors();
        if (auto healed = heal(**checkpoint, stored); !healed) return healed;
    }
    if (auto folded = fold_since_checkpoint(stored); !folded) return folded;
    const auto shards = all_shards(stored);
    if (!shards) return shards.error();
    for (const auto shard : *shards) {
        const Cursor from = cursor_of(stored, shard);
        flushed_[shard] = from;
        tails_.push_back(reader(shard, from, true));
    }
    const auto now = store_.cursors();
    if (!now) return now.error();
    {
        const std::lock_guard lock(counts_mutex_);
        revision_ = now->revision;
        serving_ = true;
        prepared_ = true;
    }
    landed_ns_ = monotonic_ns();
    const std::vector<ProducerCursor> cursors = flushed_cursors();
    for (CountObserver* const observer : config_.observers) observer->began(cursors, now->revision);
    return {};
}

/// A store behind the checkpoint lost what it had: it is given the checkpoint's totals, and the
/// hours of what segments are left.
Result<void> ClickCounting::Loop::heal(CheckpointReader& checkpoint,
                                       std::vector<ProducerCursor>& stored) {
    std::vector<ProducerCursor> behind;
    for (const auto& cursor : checkpoint.cursors()) {
        if (cursor_of(stored, cursor.shard) < cursor.at) behind.push_back(cursor);
    }
    if (behind.empty()) return {};
    log::warn("store_behind_checkpoint", {{"producers", behind.size()}});

    std::vector<ShardReader> readers;
    for (const auto& cursor : behind) {
        readers.push_back(reader(cursor.shard, cursor_of(stored, cursor.shard), false));
    }
    CountFold fold;
    FoldSink sink(fold);
    std::size_t at = 0;
    const HourSource hours = [&](CountBatch& part) -> Result<bool> {
        fold.clear();
        while (at < readers.size() && fold.size() < heal_part) {
            const auto done = readers[at].read(behind[at].at, heal_read_bytes, buffer_, sink);
            if (!done) return done.error();
            if (*done) ++at;
        }
        part.clicks = fold.clicks().sorted();
        part.events = fold.events();
        return !fold.empty() || at < readers.size();
    };
    const TotalSource totals = [&](ProducerTotal& total) { return checkpoint.next(total); };
    if (auto raised = store_.raise(behind, totals, hours, false); !raised) return raised;
    for (const auto& cursor : behind) {
        std::erase_if(stored, [&](const auto& old) { return old.shard == cursor.shard; });
        stored.push_back(cursor);
    }
    return {};
}

/// What the store has counted and the checkpoint has not: needed for the next checkpoint.
Result<void> ClickCounting::Loop::fold_since_checkpoint(const std::vector<ProducerCursor>& stored) {
    FoldSink sink(since_checkpoint_);
    for (const auto& cursor : stored) {
        ShardReader past = reader(cursor.shard, cursor_of(covered_, cursor.shard), false);
        for (bool done = false; !done;) {
            const auto read = past.read(cursor.at, heal_read_bytes, buffer_, sink);
            if (!read) return read.error();
            done = *read;
        }
    }
    records_since_checkpoint_ = since_checkpoint_.records();
    return {};
}

}  // namespace qck::clicks
