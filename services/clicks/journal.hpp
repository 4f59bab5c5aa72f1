#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/clicks/journal_shard.hpp"

namespace qck::clicks {

/// How long segments stay after every store has them and a checkpoint covers them: until they are
/// older than `time`, or all segments together are larger than `bytes`.
struct JournalKeep {
    std::chrono::seconds time = std::chrono::hours(24);
    std::uint64_t bytes = std::uint64_t{8} << 30;
};

/// `24h,8GB`, `24h` or `8GB`.
Result<JournalKeep> parse_journal_keep(std::string_view text);

/// What a click is answered with when the journal is full.
enum class JournalFull : std::uint8_t {
    refuse,     ///< 503: no redirect that is not counted
    uncounted,  ///< redirect; a metric counts what the journal does not have
};
Result<JournalFull> parse_journal_full(std::string_view text);

struct JournalConfig {
    /// One for each thread that appends.
    std::uint16_t shards = 1;
    /// Size of a segment file, preallocated; a multiple of 4096, at least 64 KB.
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    /// Directory entries of new segments and of the journal are fsynced (--durability power).
    bool power_safe = false;
};

/// The journal of one start of a service: its shards, and the thread that prepares segments for
/// them.
///
/// Opening reads nothing: what earlier epochs left behind is recovered by ClickCounting, which
/// tails all shards from its cursor. Thread-safe but for the shards, which belong to one thread
/// each.
class Journal {
public:
    /// `directory` outlives the journal.
    static Result<std::unique_ptr<Journal>> open(const DataDirectory& directory,
                                                 const JournalConfig& config);
    /// After the last append.
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    const DataDirectory& directory() const { return directory_; }
    const JournalConfig& config() const { return config_; }
    std::uint16_t shards() const { return static_cast<std::uint16_t>(shards_.size()); }
    JournalShard& shard(std::uint16_t number) { return *shards_[number]; }
    const JournalShard& shard(std::uint16_t number) const { return *shards_[number]; }
    /// The disk has no room for the next segment of some shard.
    bool full() const;

private:
    Journal(const DataDirectory& directory, const JournalConfig& config);

    const DataDirectory& directory_;
    JournalConfig config_;
    std::unique_ptr<SegmentSupply> supply_;
    std::vector<std::unique_ptr<JournalShard>> shards_;
};

}  // namespace qck::clicks
