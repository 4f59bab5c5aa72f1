#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "services/clicks/journal.hpp"

namespace qck::clicks {

/// Group commit for --durability power: one thread that writes the journal to the disk (fdatasync)
/// and says how far it got. While one sync runs the next group gathers.
///
/// Use: append, keep the response with shard.appended_position(), call request(); send the response
/// when durable(shard, position) reports at least that position. A failed sync is logged, tried
/// again, and nothing is reported meanwhile. Thread-safe.
class DurabilitySyncer {
public:
    /// Called on the syncer's thread after each sync, per shard that moved: post it to the shard's
    /// reactor.
    using Durable = std::function<void(std::uint16_t shard, std::uint64_t position)>;

    DurabilitySyncer(const Journal& journal, Durable durable);
    /// Syncs what was requested, then ends the thread.
    ~DurabilitySyncer();
    DurabilitySyncer(const DurabilitySyncer&) = delete;
    DurabilitySyncer& operator=(const DurabilitySyncer&) = delete;

    /// What `shard` has appended so far is to be made durable. Cheap when one is waiting already.
    void request(std::uint16_t shard);
    std::uint64_t durable_position(std::uint16_t shard) const;
    std::uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }
    std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

private:
    struct Shard;
    void loop();
    bool sync(Shard& shard);

    const Journal& journal_;
    Durable durable_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::atomic<std::uint64_t> syncs_{0};
    std::atomic<std::uint64_t> failures_{0};
    std::atomic<bool> requested_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace qck::clicks
