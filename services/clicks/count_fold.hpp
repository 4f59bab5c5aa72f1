#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/clicks/count_table.hpp"
#include "services/clicks/shard_reader.hpp"

namespace qck::clicks {

/// Adds `more` to `sum`, of the same type and hour.
void add_event_count(EventCount& sum, const EventCount& more);

/// Counts of records: what the journal says, made small. Not thread-safe.
class CountFold {
public:
    /// Which dimensions are kept; the others collapse, which saves memory.
    enum class Keep : std::uint8_t { everything, totals };
    explicit CountFold(Keep keep = Keep::everything) : keep_(keep) {}

    /// Checked frames of one segment.
    void add(std::uint16_t shard, std::span<const std::byte> run);

    const CountTable& clicks() const { return clicks_; }
    CountTable& clicks() { return clicks_; }
    /// By hour, then type.
    std::vector<EventCount> events() const;
    std::uint64_t records() const { return records_; }
    bool empty() const { return clicks_.empty() && events_.empty(); }
    /// Distinct counts held.
    std::size_t size() const { return clicks_.size() + event_counts_; }
    void clear();

private:
    void add_event(const Event& event, std::uint32_t hour);

    Keep keep_;
    CountTable clicks_;
    std::map<std::uint32_t, std::map<std::string, EventCount, std::less<>>> events_;  ///< by hour
    std::size_t event_counts_ = 0;
    std::uint64_t records_ = 0;
};

/// Folds what a reader hands on, and forgets damage: for reading what was reported before.
class FoldSink final : public RecordSink {
public:
    explicit FoldSink(CountFold& fold) : fold_(fold) {}
    void frames(const SegmentId& segment, std::span<const std::byte> run) override {
        fold_.add(segment.shard, run);
    }
    void damage(const Damage&) override { ++places_; }
    std::uint64_t places() const { return places_; }

private:
    CountFold& fold_;
    std::uint64_t places_ = 0;
};

}  // namespace qck::clicks
