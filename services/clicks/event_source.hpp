#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"
#include "services/clicks/event_sink.hpp"

namespace qck::clicks {

/// Which rows of a stretch are wanted.
struct RowSelection {
    std::vector<std::uint64_t> only_links;    ///< sorted; empty: all but
    std::vector<std::uint64_t> except_links;  ///< sorted
};

/// Where rows come from: the journal. Reading a stretch again gives the same rows. Not thread-safe.
class EventSource {
public:
    virtual ~EventSource() = default;

    /// Shards that there are, those of earlier runs too.
    virtual std::vector<std::uint16_t> shards() = 0;
    /// Up to where a shard can be read now.
    virtual Cursor end(std::uint16_t shard) = 0;
    /// Adds the rows between `from` and `to`, or of a first part of them when there are more than
    /// `rows_max` (by some thousands more, as they are read in blocks). Returns up to where.
    virtual Result<Cursor> read(std::uint16_t shard, const Cursor& from, const Cursor& to,
                                const RowSelection& selection, std::size_t rows_max,
                                EventBatch& batch) = 0;
};

}  // namespace qck::clicks
