#pragma once

#include <cstdint>
#include <vector>

#include "services/clicks/click_store.hpp"

namespace qck::clicks {

/// A batch that the local store took.
struct LandedCounts {
    const CountBatch& batch;
    const std::vector<ProducerCursor>& cursors;  ///< the store's, with the batch
    std::uint64_t revision;                      ///< the store's, with the batch
    std::int64_t span_ns;                        ///< since the last batch, or since counting began
    bool behind;  ///< the journal's tail was not reached: the counts may be of any time
};

/// Told what the local store took. Called on the counting thread, one call at a time; quick.
class CountObserver {
public:
    virtual ~CountObserver() = default;
    /// Counting begins at these cursors, at the start or again (the store lost something, or
    /// somebody else changed it): what lies before them was not told and may differ.
    virtual void began(const std::vector<ProducerCursor>& cursors,
                       std::uint64_t revision) noexcept = 0;
    virtual void landed(const LandedCounts& counts) noexcept = 0;
};

/// Needs the journal from its cursors on.
class SegmentHolder {
public:
    virtual ~SegmentHolder() = default;
    /// Everything before was taken and is never asked for again; a shard that is not among them is
    /// needed from its beginning. Thread-safe, quick.
    virtual std::vector<ProducerCursor> held_from() const = 0;
};

}  // namespace qck::clicks
