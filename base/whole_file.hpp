#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck {

/// A file that takes its name only when it is whole: until finish() its bytes stand in
/// `NAME.PID.tmp` beside it, so that a crash leaves the old file or the new one. Something that
/// stands there and is no regular file (a pipe, /dev/null) is written to as it is, not replaced.
/// Not thread-safe.
class WholeFile {
public:
    /// `mode` as in open(2).
    static Result<WholeFile> create(const std::string& name, unsigned mode = 0644);
    /// The process's standard output, written to as it is.
    static Result<WholeFile> standard_output();
    /// Unfinished, it leaves nothing behind.
    ~WholeFile();
    WholeFile(WholeFile&& other) noexcept;
    WholeFile& operator=(WholeFile&&) = delete;

    Result<void> write(std::string_view bytes);
    /// On the disk, the directory's entry too; then the name is taken.
    Result<void> finish();

private:
    WholeFile(std::string name, std::string temporary, int fd)
        : name_(std::move(name)), temporary_(std::move(temporary)), fd_(fd) {}
    Error failed() const;

    std::string name_;
    std::string temporary_;  ///< empty when written to as it is
    int fd_ = -1;
};

/// The bytes of the file `name`; of a larger one than `bytes_max` none. Fails with Errc::not_found
/// where there is none, Errc::invalid_argument where it is larger or no regular file (a pipe would
/// have to be waited for), Errc::io otherwise.
Result<std::string> read_whole_file(const std::string& name, std::size_t bytes_max);

/// The same, and of a pipe what comes until it is closed, which has to be within `patience`:
/// Errc::timed_out.
Result<std::string> read_file_or_pipe(const std::string& name, std::size_t bytes_max,
                                      std::chrono::milliseconds patience);

/// Replaces (or makes) the file `name` with `bytes`.
Result<void> write_whole_file(const std::string& name, std::string_view bytes,
                              unsigned mode = 0644);

}  // namespace qck
