#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/checkpoint.hpp"
#include "services/clicks/click_store.hpp"
#include "services/reconcile/totals_view.hpp"

namespace qck::reconcile {

/// What the journal says, from scratch: the checkpoint, and every record in the segments after it.
struct JournalTotals {
    std::optional<clicks::CheckpointReader> checkpoint;
    std::vector<clicks::ClickCount> since;     ///< sorted; hours are all 0
    std::vector<clicks::ProducerCursor> ends;  ///< how far each shard was read
    std::uint64_t corrupt_places = 0;

    clicks::MergedTotals merged() { return {checkpoint ? &*checkpoint : nullptr, since}; }
};

/// Reads each shard up to its cursor in `limits`; up to its end where there are none (then nobody
/// may be writing). Safe beside a service that writes and tidies.
Result<JournalTotals> fold_journal(
    const std::filesystem::path& data_dir,
    const std::optional<std::vector<clicks::ProducerCursor>>& limits);

/// Counts of the records between two sets of cursors, by hour; `to` as for fold_journal.
Result<clicks::CountBatch> fold_between(
    const std::filesystem::path& data_dir, const std::vector<clicks::ProducerCursor>& from,
    const std::optional<std::vector<clicks::ProducerCursor>>& to);

/// What was journaled at or after some cursors.
struct JournaledSince {
    std::vector<LinkCount> clicks;  ///< ascending by link
    std::uint64_t records = 0;
    bool whole = true;  ///< false: a place could not be read, or is just being written
};
/// Up to the end as it is now: a service may be writing.
Result<JournaledSince> journaled_since(const std::filesystem::path& data_dir,
                                       const std::vector<clicks::ProducerCursor>& from);

/// Links clicked in or after the hour of `since_ms`, ascending, by the segments that are kept.
Result<std::vector<std::uint64_t>> links_clicked_since(const std::filesystem::path& data_dir,
                                                       std::int64_t since_ms);

}  // namespace qck::reconcile
