#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"
#include "services/clicks/journal.hpp"

namespace qck::clicks {

/// What lies in the journal's folders (copies of damaged segments too), and what became of what was
/// not needed.
struct RetentionReport {
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;  ///< allocated on the disk
    std::uint64_t removed = 0;
    /// Something is past its keeping but not covered by the checkpoint yet.
    bool checkpoint_needed = false;
};

/// Removes segments that are past `keep`, oldest first: those before both the store's cursors
/// (`stored`) and the checkpoint's (`covered`), and no others, and copies that were kept aside for
/// so long. `now_ms` since 1970. With `make_room` (the disk is full) one delivered segment goes
/// whatever its age: serving comes before keeping.
Result<RetentionReport> retain_segments(const std::filesystem::path& journal,
                                        const std::vector<ProducerCursor>& stored,
                                        const std::vector<ProducerCursor>& covered,
                                        const JournalKeep& keep, std::int64_t now_ms,
                                        bool make_room);

/// Shard by shard the earlier of both; a shard that is not in both stands at its beginning.
std::vector<ProducerCursor> earlier_of(const std::vector<ProducerCursor>& a,
                                       const std::vector<ProducerCursor>& b);

/// Where `shard` stands in `cursors`; the beginning when it is not there.
Cursor cursor_of(const std::vector<ProducerCursor>& cursors, std::uint16_t shard);

}  // namespace qck::clicks
