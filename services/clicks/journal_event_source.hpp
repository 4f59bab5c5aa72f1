#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/clicks/event_source.hpp"
#include "services/clicks/shard_reader.hpp"

namespace qck::clicks {

/// Where an address is, by a map of the internet; false: not known. Hashed and absent addresses are
/// not asked about.
using PlaceLookup = std::function<bool(const StoredIp&, Place&)>;

/// Rows straight from the segments of a journal, checked as ShardReader does; what is damaged is
/// passed over (counting reports it). User agents and referrers are resolved by the strings of the
/// segment, and taken apart once a string. Reading on from where a shard was left costs nothing
/// extra; reading from elsewhere begins with the strings of the segment.
class JournalEventSource final : public EventSource {
public:
    struct Options {
        std::filesystem::path journal;
        std::uint64_t node = 0;
        /// Shards besides those that have a folder.
        std::uint16_t shards = 0;
        /// Where the writer of a shard is; journal_end when nobody writes.
        std::function<Cursor(std::uint16_t shard)> end;
        PlaceLookup place;  ///< may be empty
    };

    explicit JournalEventSource(Options options);
    ~JournalEventSource() override;

    std::vector<std::uint16_t> shards() override { return shards_; }
    Cursor end(std::uint16_t shard) override { return options_.end(shard); }
    Result<Cursor> read(std::uint16_t shard, const Cursor& from, const Cursor& to,
                        const RowSelection& selection, std::size_t rows_max,
                        EventBatch& batch) override;

private:
    class Tail;
    class BatchTables;

    Options options_;
    std::vector<std::uint16_t> shards_;
    std::map<std::uint16_t, std::unique_ptr<Tail>> tails_;
    std::unique_ptr<BatchTables> tables_;
    ReadBuffer buffer_;
};

}  // namespace qck::clicks
