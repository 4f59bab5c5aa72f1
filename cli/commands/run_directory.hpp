#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace qck::commands {

/// The directory that a run's report will be written to, there and writable before the run begins.
///
/// Whatever this made and nothing was written into goes with this object, so that a run that could
/// not begin leaves nothing.
class RunDirectory {
public:
    /// Makes `path` and its parents where they are missing, and writes a file there to try.
    static Result<RunDirectory> make(const std::string& path);
    RunDirectory(RunDirectory&& other) noexcept
        : path_(std::move(other.path_)), made_(std::exchange(other.made_, {})) {}
    RunDirectory& operator=(RunDirectory&&) = delete;
    ~RunDirectory();

    const std::string& path() const { return path_; }

private:
    explicit RunDirectory(std::string path) : path_(std::move(path)) {}

    std::string path_;
    std::vector<std::filesystem::path> made_;  ///< innermost first
};

}  // namespace qck::commands
