#pragma once

#include <cstdint>
#include <mutex>
#include <string>

namespace qck::clicks::test {

/// A system call of this program that fails on command. Thread-safe.
class FailingCall {
public:
    /// From here on it fails with `error` (an errno; 0: it does not) on files whose path ends with
    /// `path_end`.
    void fail(int error, std::string path_end = "");
    /// How often it did, in all.
    std::uint64_t failed() const;

    /// For the call itself: 0, or what it fails with on this file.
    int error_on(int fd);

private:
    mutable std::mutex mutex_;
    int error_ = 0;
    std::string path_end_;
    std::uint64_t failed_ = 0;
};

/// One of these for as long as it lives.
class Failing {
public:
    Failing(FailingCall& call, int error, std::string path_end = "") : call_(call) {
        call_.fail(error, std::move(path_end));
    }
    ~Failing() { call_.fail(0); }
    Failing(const Failing&) = delete;
    Failing& operator=(const Failing&) = delete;

private:
    FailingCall& call_;
};

extern FailingCall fsync_call;
extern FailingCall fdatasync_call;
extern FailingCall fallocate_call;

}  // namespace qck::clicks::test
