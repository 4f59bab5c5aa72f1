#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace qck::test {

/// What this process writes to stderr while it lives goes to a file.
class CapturedStderr {
public:
    explicit CapturedStderr(std::filesystem::path file)
        : file_(std::move(file)), before_(::dup(2)) {
        std::FILE* const to = std::fopen(file_.c_str(), "w");
        ::dup2(::fileno(to), 2);
        std::fclose(to);
    }
    ~CapturedStderr() { end(); }
    CapturedStderr(const CapturedStderr&) = delete;
    CapturedStderr& operator=(const CapturedStderr&) = delete;

    /// All that was written.
    std::string end() {
        if (before_ >= 0) {
            ::dup2(before_, 2);
            ::close(std::exchange(before_, -1));
        }
        std::stringstream text;
        text << std::ifstream(file_).rdbuf();
        return text.str();
    }

private:
    std::filesystem::path file_;
    int before_;
};

inline std::size_t occurrences(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
}

}  // namespace qck::test
