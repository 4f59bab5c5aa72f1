// The checkpoint of counting: writing it, and making it anew when it is damaged or gone.
#include <algorithm>
#include <map>
#include <string>
#include <system_error>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "services/clicks/counting_loop.hpp"
#include "services/clicks/segment.hpp"
#include "services/clicks/segment_retention.hpp"

namespace qck::clicks {
namespace {

/// Where each of `shards` begins on the disk; journal_end for one without a segment.
Result<std::map<std::uint16_t, Cursor>> beginnings(const std::filesystem::path& journal,
                                                   const std::vector<std::uint16_t>& shards) {
    std::map<std::uint16_t, Cursor> found;
    for (const auto shard : shards) {
        const auto segments = list_segments(journal, shard);
        if (!segments) return segments.error();
        found[shard] = segments->empty()
                           ? journal_end
                           : Cursor{segments->front().epoch, segments->front().number, 0};
    }
    return found;
}

void keep_aside(const std::filesystem::path& checkpoint, const Error& why) {
    auto aside = checkpoint;
    aside += ".damaged";
    std::error_code failure;
    std::filesystem::remove(aside, failure);
    // A second name and not another one: the totals of segments that are gone may be in no other
    // file, so this one stays in its place until a whole one takes it.
    std::filesystem::create_hard_link(checkpoint, aside, failure);
    log::error("checkpoint_damaged",
               {{"error", why.message},
                {"kept_aside", failure ? "no: " + failure.message() : aside.string()},
                {"effect", "it is made anew from the store's totals"}});
}

void tell_totals_lost() {
    log::error("totals_lost", {{"why", "neither the checkpoint nor the store has them"},
                               {"effect", "counts begin with the oldest segment"}});
}

}  // namespace

void ClickCounting::Loop::checkpoint_when_due() {
    const bool due = records_since_checkpoint_ >= config_.checkpoint_records ||
                     since_checkpoint_.size() >= config_.counts_max;
    if (due && monotonic_ns() >= next_checkpoint_ns_) write_checkpoint();
}

bool ClickCounting::Loop::write_checkpoint() {
    const auto& directory = journal_.directory();
    const std::uint64_t node = directory.identity().node;
    std::vector<ProducerCursor> cursors = flushed_cursors();

    auto before = CheckpointReader::open(directory.checkpoint(), node);
    const bool none = !before && before.error().code == Errc::not_found;
    if (before ? before->cursors() != covered_ : none && !covered_.empty()) {
        // What was counted since covered_ belongs to no other file: not to one that was put in its
        // place by a try that failed after that, and not to none.
        log::warn("checkpoint_changed", {{"effect", "counting begins again at its cursors"}});
        prepared_ = false;
        return false;
    }
    Result<void> written = before || none ? Result<void>() : Result<void>(before.error());
    if (written) {
        written = advance_checkpoint(directory.checkpoint(), node, before ? &*before : nullptr,
                                     since_checkpoint_.clicks().sorted(), cursors);
    }
    if (!written) {
        log::error("checkpoint_failed",
                   {{"error", written.error().message}, {"effect", "no segment is removed"}});
        next_checkpoint_ns_ =
            monotonic_ns() + std::chrono::nanoseconds(config_.checkpoint_retry).count();
        // Trying again would find it as it is; beginning again makes it anew.
        if (written.error().code == Errc::corrupt) prepared_ = false;
        return false;
    }
    covered_ = std::move(cursors);
    covered_for_good_ = true;
    since_checkpoint_.clear();
    records_since_checkpoint_ = 0;
    checkpoints_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

/// The checkpoint to begin with, made anew when it is damaged, or missing though segments were
/// removed; empty when none was ever needed.
Result<std::optional<CheckpointReader>> ClickCounting::Loop::open_checkpoint(
    const std::vector<ProducerCursor>& stored) {
    const auto& directory = journal_.directory();
    const std::uint64_t node = directory.identity().node;
    auto opened = CheckpointReader::open(directory.checkpoint(), node);
    bool lost = !opened && opened.error().code == Errc::corrupt;
    if (lost && !checkpoint_told_) {
        keep_aside(directory.checkpoint(), opened.error());
    } else if (!opened && opened.error().code == Errc::not_found) {
        const auto gone = beginning_is_gone(stored);
        if (!gone) return gone.error();
        if (!*gone) return std::optional<CheckpointReader>();
        lost = true;
    }
    checkpoint_told_ = lost;  // once, however often making it anew has to be tried
    if (lost) {
        if (auto rebuilt = rebuild_checkpoint(); !rebuilt) return rebuilt.error();
        opened = CheckpointReader::open(directory.checkpoint(), node);
    }
    if (!opened) return opened.error();
    checkpoint_told_ = false;
    // It may be one whose place in the directory was never written to the disk; segments that it
    // covers are removed when it is.
    covered_for_good_ = sync_directory(directory.path()).has_value();
    return std::optional<CheckpointReader>(std::move(*opened));
}

/// Without a checkpoint: whether the store counted more than the journal has. Its beginning was
/// removed then, which only a checkpoint that is gone now can have allowed.
Result<bool> ClickCounting::Loop::beginning_is_gone(const std::vector<ProducerCursor>& stored) {
    const auto shards = all_shards(stored);
    if (!shards) return shards.error();
    const auto found = beginnings(journal_.directory().journal(), *shards);
    if (!found) return found.error();
    if (stored.empty()) {
        const bool removed = std::any_of(found->begin(), found->end(), [](const auto& begin) {
            return begin.second != journal_end && begin.second.segment > 0;
        });
        if (removed) tell_totals_lost();
        return false;
    }
    const bool all_there = std::all_of(stored.begin(), stored.end(), [&](const auto& cursor) {
        return found->at(cursor.shard) == journal_begin;
    });
    if (all_there) return false;

    if (auto folded = fold_since_checkpoint(stored); !folded) return folded.error();
    std::map<std::uint16_t, std::int64_t> more;  // than the journal has, by shard
    for (const auto& count : since_checkpoint_.clicks().sorted()) {
        more[count.shard] -= static_cast<std::int64_t>(count.count);
    }
    since_checkpoint_.clear();
    const auto walked = store_.each_total([&](const ProducerTotal& total) -> Result<void> {
        more[total.shard] += static_cast<std::int64_t>(total.total);
        return {};
    });
    if (!walked) return walked.error();
    std::int64_t clicks = 0;
    for (const auto& [shard, count] : more) clicks += std::max<std::int64_t>(count, 0);
    if (clicks == 0) return false;
    if (!checkpoint_told_) {
        log::error("checkpoint_missing", {{"clicks_of_removed_segments", clicks},
                                          {"effect", "it is made anew from the store's totals"}});
    }
    return true;
}

/// The store's totals are the next best thing: they were derived from what the checkpoint held.
Result<void> ClickCounting::Loop::rebuild_checkpoint() {
    const auto& directory = journal_.directory();
    auto cursors = store_.cursors();
    if (!cursors) return cursors.error();
    if (cursors->value.empty()) tell_totals_lost();
    auto writer =
        CheckpointWriter::create(directory.checkpoint(), directory.identity().node, cursors->value);
    if (!writer) return writer.error();
    auto walked = store_.each_total([&](const ProducerTotal& total) { return writer->add(total); });
    if (!walked) return walked.error();
    return writer->finish();
}

}  // namespace qck::clicks
