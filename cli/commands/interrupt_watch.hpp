#pragma once

#include <sys/types.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/net/fd.hpp"

namespace qck::commands {

/// Hears SIGINT and SIGTERM while it lives, so that a command can end in order whatever it is at.
///
/// The first signal asks: who waits or works looks at count() and stops. The second asks to stop at
/// once; whoever has not ended a second later, in a system call or a look-up, is ended here: the
/// child that was named is killed, its directory removed, and the process exits with 4 (DESIGN
/// section 5: the run is not valid).
///
/// Made before other threads are started: they must not hear these signals. One at a time.
class InterruptWatch {
public:
    InterruptWatch();
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;

    /// Signals so far. Any thread.
    int count() const { return count_.load(); }
    /// As a first signal would; nothing when there was one. Any thread.
    void ask();
    /// Returns when somebody asked to stop. With nothing to hear signals by, it does not wait.
    void wait() const;

    /// What must not outlive the process: a child (-1: none) and a directory (empty: none). Each
    /// call replaces what the one before said. Any thread.
    void owns(pid_t child, std::filesystem::path directory);

private:
    void watch();
    [[noreturn]] void abandon();

    std::atomic<int> count_{0};
    std::mutex mutex_;
    pid_t child_ = -1;
    std::filesystem::path directory_;
    sigset_t mask_before_{};
    net::Fd signals_;
    net::Fd ended_;
    std::thread thread_;
};

}  // namespace qck::commands
