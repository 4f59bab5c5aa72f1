#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "services/clicks/journal.hpp"

namespace qck::clicks {

/// Group commit for --durability power: one thread that writes the journal to the disk (fdatasync)
/// and says how far it got. While one sync runs the next group gathers.
///
/// Use: append, keep the response with shard.appended_position(), call request(); send the response
/// when durable(shard, position) reports at least that position. A file that cannot be opened is
/// tried again. A sync that failed is not: the kernel forgets what it could not write, and the next
/// sync would succeed without it (ADR 0023). Its shard is never reported again. Thread-safe.
class DurabilitySyncer {
public:
    /// Called on the syncer's thread after each sync, per shard that moved: post it to the shard's
    /// reactor.
    using Durable = std::function<void(std::uint16_t shard, std::uint64_t position)>;

    struct Options {
        /// As fdatasync; for tests.
        std::function<int(int fd)> sync_file = ::fdatasync;
        /// Called once a shard is lost, on the syncer's thread. Empty: the process ends with a line
        /// of log; what it held back was never answered, and the next start has what was.
        std::function<void(std::uint16_t shard)> lost;
    };

    DurabilitySyncer(const Journal& journal, Durable durable, Options options);
    DurabilitySyncer(const Journal& journal, Durable durable)
        : DurabilitySyncer(journal, std::move(durable), Options()) {}
    /// Syncs what was requested, then ends the thread.
    ~DurabilitySyncer();
    DurabilitySyncer(const DurabilitySyncer&) = delete;
    DurabilitySyncer& operator=(const DurabilitySyncer&) = delete;

    /// What `shard` has appended so far is to be made durable. Cheap when one is waiting already.
    void request(std::uint16_t shard);
    std::uint64_t durable_position(std::uint16_t shard) const;
    std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

private:
    struct Shard;
    void loop();
    bool sync(Shard& shard);
    void give_up(Shard& shard, int failure);

    const Journal& journal_;
    Durable durable_;
    Options options_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::atomic<std::uint64_t> failures_{0};
    std::atomic<bool> requested_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace qck::clicks
