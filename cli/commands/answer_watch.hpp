#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "cli/client/rest_client.hpp"

namespace qck::commands {

/// Looks after a service from whose admin listener an answer is awaited that may take minutes: asks
/// it for its status every two seconds over a connection of its own. Says on stderr which stores
/// are away, and which it waits for and how long at most, once each; on a terminal how long it has
/// taken.
class AnswerWatch {
public:
    /// `admin` reaches the listener; `command` begins what is said.
    AnswerWatch(client::RestConfig admin, std::string command);
    ~AnswerWatch();
    AnswerWatch(const AnswerWatch&) = delete;
    AnswerWatch& operator=(const AnswerWatch&) = delete;

    /// It has said nothing at all for ten seconds. Thread-safe.
    bool lost() const { return lost_; }

private:
    void run();
    void look(client::RestClient& admin);
    void tell(const std::string& about, const std::string& text);
    void show_time();

    client::RestConfig config_;
    const std::string command_;
    const std::int64_t begin_ns_;
    std::int64_t heard_ns_;
    std::set<std::string> told_;  ///< of what
    bool shown_ = false;
    std::atomic<bool> lost_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  ///< guarded by mutex_
    std::thread thread_;
};

}  // namespace qck::commands
