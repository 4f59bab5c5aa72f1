#include "base/whole_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/net/fd.hpp"
#include "base/units.hpp"

namespace qck {
namespace {

/// Makes the renaming itself durable; a file system that cannot is none we can help.
void sync_directory_of(const std::string& file) {
    const auto directory = std::filesystem::absolute(file).parent_path();
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
}

}  // namespace

Result<WholeFile> WholeFile::create(const std::string& name, unsigned mode) {
    struct stat there {};
    const bool as_it_is = ::stat(name.c_str(), &there) == 0 && !S_ISREG(there.st_mode);
    std::string temporary = as_it_is ? "" : name + "." + std::to_string(::getpid()) + ".tmp";
    const int flags = O_WRONLY | O_CLOEXEC | (as_it_is ? 0 : O_CREAT | O_TRUNC);
    const int fd = ::open(as_it_is ? name.c_str() : temporary.c_str(), flags, mode);
    if (fd < 0) return io_error("cannot write " + name, errno);
    return WholeFile(name, std::move(temporary), fd);
}

Result<WholeFile> WholeFile::standard_output() {
    const int fd = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return io_error("cannot write to standard output", errno);
    return WholeFile("to standard output", {}, fd);
}

WholeFile::WholeFile(WholeFile&& other) noexcept
    : name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

WholeFile::~WholeFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Error WholeFile::failed() const { return io_error("cannot write " + name_, errno); }

Result<void> WholeFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failed();
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> WholeFile::finish() {
    if (temporary_.empty()) {
        const int closed = ::close(std::exchange(fd_, -1));
        return closed == 0 ? Result<void>() : failed();
    }
    if (::fsync(fd_) != 0 || ::rename(temporary_.c_str(), name_.c_str()) != 0) return failed();
    ::close(std::exchange(fd_, -1));
    sync_directory_of(name_);
    return {};
}

namespace {

Result<std::string> read_all(const std::string& name, std::size_t bytes_max,
                             std::optional<std::chrono::milliseconds> patience_with_pipes) {
    const auto failed = [&name] {
        Error failure = io_error("cannot read " + name, errno);
        if (errno == ENOENT) failure.code = Errc::not_found;
        return failure;
    };
    // Opening a pipe that nobody writes to would wait for ever.
    net::Fd fd(::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0) return failed();
    const bool pipe = S_ISFIFO(about.st_mode) && patience_with_pipes;
    if (!S_ISREG(about.st_mode) && !pipe) {
        return error(Errc::invalid_argument, "cannot read " + name + ": not a regular file");
    }
    const std::int64_t until_ns =
        monotonic_ns() +
        std::chrono::nanoseconds(patience_with_pipes.value_or(std::chrono::milliseconds(0)))
            .count();
    std::string bytes;
    char piece[65536];
    for (;;) {
        // Before it is read: a pipe that nobody has opened yet reads as one that has ended.
        if (pipe) {
            const std::int64_t left_ms = (until_ns - monotonic_ns()) / 1'000'000;
            pollfd ready{fd.get(), POLLIN, 0};
            if (left_ms <= 0 || ::poll(&ready, 1, static_cast<int>(left_ms)) == 0) {
                return error(Errc::timed_out, "cannot read " + name + ": the pipe was not closed " +
                                                  "within " +
                                                  format_duration(*patience_with_pipes));
            }
        }
        const ssize_t got = ::read(fd.get(), piece, sizeof piece);
        if (got == 0) break;
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return failed();
        const auto read = static_cast<std::size_t>(got);
        if (read > bytes_max - bytes.size()) {
            return error(Errc::invalid_argument, name + ": larger than " +
                                                     std::to_string(bytes_max) +
                                                     " bytes, too large to be read");
        }
        bytes.append(piece, read);
    }
    return bytes;
}

}  // namespace

Result<std::string> read_whole_file(const std::string& name, std::size_t bytes_max) {
    return read_all(name, bytes_max, std::nullopt);
}

Result<std::string> read_file_or_pipe(const std::string& name, std::size_t bytes_max,
                                      std::chrono::milliseconds patience) {
    return read_all(name, bytes_max, patience);
}

Result<void> write_whole_file(const std::string& name, std::string_view bytes, unsigned mode) {
    auto file = WholeFile::create(name, mode);
    if (!file) return file.error();
    if (auto written = file->write(bytes); !written) return written;
    return file->finish();
}

}  // namespace qck
