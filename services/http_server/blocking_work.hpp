#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "services/http_server/exchange.hpp"

namespace qck::http_server {

/// Threads for answers that take a while (a store is asked, counts are compared), so that no
/// reactor waits for them. Thread-safe.
class BlockingWork {
public:
    using Work = std::function<Response()>;

    /// At most `waiting_max` requests wait for a thread.
    BlockingWork(std::string name, std::size_t threads, std::size_t waiting_max);
    /// Waits for the work that has begun; who waits still is told 503.
    ~BlockingWork();
    BlockingWork(const BlockingWork&) = delete;
    BlockingWork& operator=(const BlockingWork&) = delete;

    /// Answers `reply` with what `work` returns, or 503 at once when too many wait.
    void run(PendingReply reply, Work work);

private:
    struct Job {
        PendingReply reply;
        Work work;
    };

    void loop(const std::string& name);

    const std::size_t waiting_max_;
    std::mutex mutex_;
    std::condition_variable wanted_;
    bool stopping_ = false;
    std::deque<Job> waiting_;
    std::vector<std::thread> threads_;
};

}  // namespace qck::http_server
