#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "services/links/link_outbox.hpp"

namespace qck::links {

struct OutboxDrainConfig {
    /// Between one look and the next.
    std::chrono::milliseconds every{250};
    /// Who made a change tells of it at once; older ones are anybody's. With `every` well below the
    /// second in which a change has to show everywhere (P4).
    std::chrono::milliseconds age{400};
    /// Told at a time; the next look comes when the cache has them all, or after `patience`.
    std::size_t changes_max = 500;
    std::chrono::milliseconds patience{5'000};
    /// Taken ones that wait to be forgotten; beyond these they are told once more instead.
    std::size_t taken_max = 100'000;
    /// Monotonic nanoseconds.
    std::function<std::int64_t()> now = monotonic_ns;
};

/// Empties a LinkOutbox on a thread of its own: tells the shared cache of what others left there,
/// and forgets what the cache has taken, whoever made it. Thread-safe.
class OutboxDrain {
public:
    /// Hands a change to the shared cache, which says taken() when it has it. Does not wait.
    using Tell = std::function<void(const NotedChange& change)>;

    /// `outbox` outlives it.
    OutboxDrain(LinkOutbox& outbox, Tell tell, OutboxDrainConfig config = {});
    ~OutboxDrain();  ///< stop()
    OutboxDrain(const OutboxDrain&) = delete;
    OutboxDrain& operator=(const OutboxDrain&) = delete;

    void start();
    /// Forgets what was taken, and ends the thread.
    void stop();
    /// One look; for a drain that was not started.
    void round();

    /// The shared cache has this version of a code, or a newer one. Quick.
    void taken(std::string_view code, std::uint64_t version);

    /// Changes told because they were left there.
    std::uint64_t told() const { return told_; }

private:
    void run();
    void forget_taken();
    void tell_noted();
    void note_outcome(const Result<void>& outcome);

    LinkOutbox& outbox_;
    const Tell tell_;
    const OutboxDrainConfig config_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;                                     ///< guarded by mutex_
    std::vector<VersionOfCode> taken_;                          ///< guarded by mutex_
    std::unordered_map<std::string, std::uint64_t> under_way_;  ///< guarded by mutex_
    // The thread's alone.
    std::int64_t patient_until_ns_ = 0;
    bool failing_ = false;
    std::atomic<std::uint64_t> told_{0};
    std::thread thread_;
};

}  // namespace qck::links
