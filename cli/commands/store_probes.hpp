#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"

namespace qck::commands {

/// Finds out that a store is away while nobody needs it, or while a delivery still waits for it:
/// asks each every two seconds, over a connection and a thread of its own. Redis is not among them:
/// its delivery asks it every second. Thread-safe.
class StoreProbes {
public:
    static constexpr std::chrono::milliseconds every{2'000};
    /// To connect, and to answer.
    static constexpr std::chrono::milliseconds patience{2'000};

    /// Each may be absent. `postgres_answered` is called on the thread of that probe.
    static std::unique_ptr<StoreProbes> start(
        const std::string& postgres, const std::optional<clickhouse::ClickhouseUrl>& clickhouse,
        const std::function<void()>& postgres_answered);
    /// stop(), and waits for who is being asked.
    ~StoreProbes();
    StoreProbes(const StoreProbes&) = delete;
    StoreProbes& operator=(const StoreProbes&) = delete;

    /// Asks no more.
    void stop();
    /// Why the store of that name did not answer the last time; empty when it did, or was not
    /// asked.
    std::string failure(std::string_view store) const;

private:
    struct Probe {
        std::string store;
        std::function<Result<void>()> ask;
        std::string failure;  ///< guarded by mutex_
        std::thread thread;
    };
    StoreProbes() = default;
    void add(std::string store, std::function<Result<void>()> ask);
    void run(Probe& probe);

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  ///< guarded by mutex_
    std::deque<Probe> probes_;
};

}  // namespace qck::commands
