#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

namespace qck::postgres {

/// Ends blocking calls that take too long, by shutting their sockets down.
///
/// libpq waits for an answer without end, and neither statement_timeout nor TCP's own timers help
/// when the server is stopped but its kernel acknowledges. One thread watches all calls; it is
/// exact to 50 ms. Thread-safe.
class CallDeadlines {
public:
    CallDeadlines();
    ~CallDeadlines();
    CallDeadlines(const CallDeadlines&) = delete;
    CallDeadlines& operator=(const CallDeadlines&) = delete;

    /// Shuts `socket` down unless the Watch ends within `timeout`. The descriptor must stay open as
    /// long as the Watch: a duplicate of libpq's own, which libpq may close.
    class Watch {
    public:
        Watch(CallDeadlines& deadlines, int socket, std::chrono::milliseconds timeout);
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        /// The socket was shut down.
        bool expired() const;

    private:
        CallDeadlines& deadlines_;
        struct Call;
        std::list<Call>::iterator call_;
        friend class CallDeadlines;
    };

private:
    void loop();

    mutable std::mutex mutex_;
    std::condition_variable begun_;
    std::list<Watch::Call> calls_;
    bool stopping_ = false;
    std::thread thread_;
};

struct CallDeadlines::Watch::Call {
    int socket;
    std::chrono::steady_clock::time_point deadline;
    bool expired = false;
};

}  // namespace qck::postgres
