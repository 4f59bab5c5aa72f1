#pragma once

#include <filesystem>
#include <initializer_list>
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
    /// The same with a directory that nobody else has: `path`, or `path-2`, …
    static Result<RunDirectory> make_own(const std::string& path);
    RunDirectory(RunDirectory&& other) noexcept
        : path_(std::move(other.path_)),
          had_report_(other.had_report_),
          made_(std::exchange(other.made_, {})) {}
    RunDirectory& operator=(RunDirectory&&) = delete;
    ~RunDirectory();

    const std::string& path() const { return path_; }
    /// A run or a search was reported there before; its files are replaced.
    bool had_report() const { return had_report_; }
    /// Removes the files of a search that was reported there, so that they are not taken for this
    /// run's; of a search those of the run that it rested on.
    void forget_search() const;
    void forget_run() const;

private:
    void forget(std::initializer_list<const char*> names) const;
    explicit RunDirectory(std::string path) : path_(std::move(path)) {}

    std::string path_;
    bool had_report_ = false;
    std::vector<std::filesystem::path> made_;  ///< innermost first
};

}  // namespace qck::commands
