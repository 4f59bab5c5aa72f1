// Stands before the C library's functions of these names, for everything in this program.
#include "tests/services/clicks/failing_calls.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace qck::clicks::test {

FailingCall fsync_call;
FailingCall fdatasync_call;
FailingCall fallocate_call;

void FailingCall::fail(int error, std::string path_end) {
    const std::lock_guard lock(mutex_);
    error_ = error;
    path_end_ = std::move(path_end);
}

std::uint64_t FailingCall::failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
}

int FailingCall::error_on(int fd) {
    const std::lock_guard lock(mutex_);
    if (error_ == 0) return 0;
    char path[PATH_MAX];
    const auto length =
        ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
    if (length < 0 || !std::string(path, static_cast<std::size_t>(length)).ends_with(path_end_)) {
        return 0;
    }
    ++failed_;
    return error_;
}

namespace {

int fails(FailingCall& call, int fd) {
    const int error = call.error_on(fd);
    if (error != 0) errno = error;
    return error;
}

}  // namespace
}  // namespace qck::clicks::test

using namespace qck::clicks::test;

extern "C" int fsync(int fd) {
    if (fails(fsync_call, fd) != 0) return -1;
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int fdatasync(int fd) {
    if (fails(fdatasync_call, fd) != 0) return -1;
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int fallocate(int fd, int mode, off_t at, off_t bytes) {
    if (fails(fallocate_call, fd) != 0) return -1;
    return static_cast<int>(::syscall(SYS_fallocate, fd, mode, at, bytes));
}
