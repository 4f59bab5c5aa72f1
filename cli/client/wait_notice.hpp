#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace qck::client {

/// While it lives somebody is waited for. Says so on stderr once that takes longer than two
/// seconds, `qck mode set: waiting for http://127.0.0.1:9090 (2 s of at most 30 s)`: on a terminal
/// a line that is drawn over each second and is gone at the end, elsewhere one line.
class WaitNotice {
public:
    /// `command` begins the line; `for_whom` has no secret. `at_most`: empty when nobody knows.
    WaitNotice(std::string command, std::string for_whom,
               std::optional<std::chrono::milliseconds> at_most = {});
    ~WaitNotice();
    /// Tells that nothing more is to be said of the same wait: it was, and is not drawn over.
    bool is_said() const { return said_; }
    WaitNotice(const WaitNotice&) = delete;
    WaitNotice& operator=(const WaitNotice&) = delete;

private:
    void run();

    const std::string command_;
    const std::string for_whom_;
    const std::optional<std::chrono::milliseconds> at_most_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool over_ = false;               ///< guarded by mutex_
    std::atomic<bool> said_ = false;  ///< on what is no terminal
    std::thread thread_;
};

}  // namespace qck::client
