#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/segment.hpp"

namespace qck::clicks {

/// The thread that keeps the next segment of each shard ready, the pages ahead of the writer
/// writable, and the pages behind it out of this process's memory: so a writer neither waits nor
/// faults, and a mapped journal costs a few MB of resident memory a shard, whatever the size of a
/// segment.
///
/// The writer of a shard calls take(), install(), set_offset() and wake(); everything else is the
/// supply's.
class SegmentSupply {
public:
    struct Options {
        std::filesystem::path journal;
        std::uint64_t node = 0;
        std::uint32_t epoch = 0;
        std::uint32_t segment_bytes = 0;
        bool sync_directory = false;
    };

    SegmentSupply(Options options, std::uint16_t shards);
    /// After the last call of take().
    ~SegmentSupply();
    SegmentSupply(const SegmentSupply&) = delete;
    SegmentSupply& operator=(const SegmentSupply&) = delete;

    /// The first segments, so that what is wrong with the disk is known before anything is served.
    Result<void> open();

    /// The next segment of a shard. Ready as a rule; made here when the thread is late. Null while
    /// none can be made: the thread goes on trying.
    Segment* take(std::uint16_t shard) noexcept;
    /// `taken` is in use from here on, and the one before it is no longer touched.
    void install(std::uint16_t shard, Segment* taken) noexcept;
    /// How far the writer is in its current segment.
    void set_offset(std::uint16_t shard, std::uint32_t offset) noexcept {
        slots_[shard]->offset.store(offset, std::memory_order_relaxed);
    }
    /// Something is to be prepared. Never blocks.
    void wake() noexcept;
    /// The last try to make a segment of some shard failed for want of room. Thread-safe.
    bool full() const noexcept;

    const Options& options() const { return options_; }

private:
    /// What writer and supply share of one shard.
    struct Slot {
        std::atomic<Segment*> current{nullptr};
        std::atomic<Segment*> spare{nullptr};
        std::atomic<Segment*> retired{nullptr};
        std::atomic<std::uint32_t> offset{0};
        std::atomic<bool> failing{false};  ///< the last try to make a segment failed
        std::atomic<bool> full{false};     ///< and did so for want of room
        std::mutex making;
        std::uint32_t next_number = 0;  ///< guarded by making
        // The supply's thread alone:
        std::uint32_t populated_number = UINT32_MAX;
        std::uint32_t populated_to = 0;
        std::uint32_t dropped_to = 0;
    };

    void loop();
    void serve(std::uint16_t shard);
    void populate(Slot& slot);
    Result<std::unique_ptr<Segment>> make(std::uint16_t shard, Slot& slot);

    Options options_;
    std::vector<std::unique_ptr<Slot>> slots_;
    int wake_fd_ = -1;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace qck::clicks
