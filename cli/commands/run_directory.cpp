#include "cli/commands/run_directory.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/net/fd.hpp"

namespace qck::commands {

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
    return directory;
}

RunDirectory::~RunDirectory() {
    // Only directories that are empty can be removed so.
    std::error_code ignored;
    for (const auto& made : made_) std::filesystem::remove(made, ignored);
}

}  // namespace qck::commands
