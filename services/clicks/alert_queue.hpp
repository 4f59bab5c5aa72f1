#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/backoff.hpp"
#include "base/error.hpp"
#include "services/clicks/link_modes.hpp"

namespace qck::clicks {

struct AlertQueueConfig {
    /// Alerts that wait; with more the oldest is given up.
    std::size_t alerts_max = 256;
    /// An alert that failed so often is given up.
    int tries_max = 8;
    Backoff::Config backoff{std::chrono::milliseconds(500), std::chrono::milliseconds(30'000)};
    std::uint64_t jitter_seed = 0;
};

/// Tells operators of links whose mode changed, on a thread of its own, one alert at a time and in
/// order. Each is tried again with back-off; nothing waits for it. Thread-safe.
class AlertQueue {
public:
    /// `post` sends one JSON document, blocking, with a timeout of its own.
    using Post = std::function<Result<void>(const std::string& json)>;

    AlertQueue(Post post, const AlertQueueConfig& config);
    /// Gives up what was not sent, after the try under way.
    ~AlertQueue();
    AlertQueue(const AlertQueue&) = delete;
    AlertQueue& operator=(const AlertQueue&) = delete;

    void push(const LinkModeChange& change, std::int64_t wall_ms);

    std::uint64_t sent() const { return sent_; }
    std::uint64_t failures() const { return failures_; }  ///< tries
    std::uint64_t given_up() const { return given_up_; }  ///< alerts

private:
    void run();
    bool send(const std::string& alert);

    const Post post_;
    const AlertQueueConfig config_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::string> alerts_;  ///< guarded by mutex_
    bool stopping_ = false;           ///< guarded by mutex_
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> failures_{0};
    std::atomic<std::uint64_t> given_up_{0};
    std::thread thread_;
};

/// `{"event": "link_mode", "code": …, "link_id": "…", "from": …, "to": …, "clicks_per_s": …,
/// "forced": …, "time": "2026-…Z"}`.
std::string alert_json(const LinkModeChange& change, std::int64_t wall_ms);

}  // namespace qck::clicks
