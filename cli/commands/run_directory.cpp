#include "cli/commands/run_directory.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/net/fd.hpp"

namespace qck::commands {

Result<RunDirectory> RunDirectory::make_own(const std::string& path) {
    constexpr int most = 1000;  // runs that begin in one second
    const auto parent = std::filesystem::path(path).parent_path();
    const bool made_parent = !std::filesystem::exists(parent);
    std::error_code failure;
    std::filesystem::create_directories(parent, failure);
    for (int number = 1; number <= most && !failure; ++number) {
        const std::string name = number == 1 ? path : path + "-" + std::to_string(number);
        if (!std::filesystem::create_directory(name, failure)) continue;
        auto directory = make(name);
        if (!directory) return directory;
        directory->made_.emplace_back(name);
        if (made_parent) directory->made_.push_back(parent);
        return directory;
    }
    return io_error("--out: cannot make directory " + path, failure.value());
}

Result<RunDirectory> RunDirectory::make(const std::string& path) {
    RunDirectory directory(path);
    std::error_code failure;
    std::filesystem::path missing = std::filesystem::absolute(path, failure).lexically_normal();
    if (!missing.has_filename()) missing = missing.parent_path();
    for (; !std::filesystem::exists(missing, failure) && missing.has_relative_path();
         missing = missing.parent_path()) {
        directory.made_.push_back(missing);
    }
    failure.clear();
    std::filesystem::create_directories(path, failure);
    if (failure) {
        return io_error("--out: cannot make directory " + path, failure.value());
    }
    std::string probe = (std::filesystem::path(path) / ".qck-XXXXXX").string();
    const net::Fd file(::mkstemp(probe.data()));
    if (!file) return io_error("--out: cannot write into " + path, errno);
    ::unlink(probe.c_str());
    for (const char* const name : {"report.json", "search.json"}) {
        if (std::filesystem::exists(std::filesystem::path(path) / name, failure)) {
            directory.had_report_ = true;
        }
    }
    return directory;
}

void RunDirectory::forget(std::initializer_list<const char*> names) const {
    std::error_code ignored;
    for (const char* const name : names) {
        std::filesystem::remove(std::filesystem::path(path_) / name, ignored);
    }
}

void RunDirectory::forget_search() const { forget({"search.json", "search.html"}); }

void RunDirectory::forget_run() const {
    forget(
        {"report.json", "report.html", "series.csv", "junit.xml", "latency.hgrm", "service.hgrm"});
}

RunDirectory::~RunDirectory() {
    // Only directories that are empty can be removed so.
    std::error_code ignored;
    for (const auto& made : made_) std::filesystem::remove(made, ignored);
}

}  // namespace qck::commands
