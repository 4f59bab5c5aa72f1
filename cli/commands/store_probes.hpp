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
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"

namespace qck::commands {

/// Finds out that a store is away while nobody needs it, or while a delivery still waits for it:
/// asks each every two seconds, of ClickHouse each node, over a connection and a thread of its own.
/// Redis is not among them: its delivery asks it every second. Thread-safe.
class StoreProbes {
public:
    static constexpr std::chrono::milliseconds every{2'000};
    /// To connect, and to answer.
    static constexpr std::chrono::milliseconds patience{2'000};

    /// Told the store that answered, of ClickHouse for each node, by the thread that asked it.
    using Answered = std::function<void(std::string_view store)>;
    /// Each may be absent. What is asked is whether it has the tables that it is to have.
    static std::unique_ptr<StoreProbes> start(
        const std::string& postgres, const std::optional<clickhouse::ClickhouseUrl>& clickhouse,
        Answered answered);
    /// stop(), and waits for who is being asked.
    ~StoreProbes();
    StoreProbes(const StoreProbes&) = delete;
    StoreProbes& operator=(const StoreProbes&) = delete;

    /// Asks no more.
    void stop();
    /// A node of a store, as it answered the last time.
    struct Standing {
        std::string node;
        std::string failure;  ///< empty when it answered, or was not asked yet
    };
    /// Of every node of the store of that name; empty when that is not asked.
    std::vector<Standing> standings(std::string_view store) const;

private:
    struct Probe {
        std::string store;
        std::string node;
        /// What follows while it does not answer, for the log; empty: others log it.
        std::string effect;
        std::function<Result<void>()> ask;
        std::string failure;  ///< guarded by mutex_
        std::thread thread;
    };
    explicit StoreProbes(Answered answered) : answered_(std::move(answered)) {}
    void add(Probe made);
    void run(Probe& probe);
    static void log_change(const Probe& probe, const std::string& before);

    const Answered answered_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  ///< guarded by mutex_
    std::deque<Probe> probes_;
};

}  // namespace qck::commands
