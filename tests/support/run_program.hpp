#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace qck::test {

struct ProgramRun {
    int exit_code = -1;  ///< -1 when a signal ended it
    std::string out;
    std::string err;
};

inline std::string text_of_file(const std::filesystem::path& file) {
    std::ifstream input(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(input), {});
}

/// Runs a program to its end, with `variables` (NAME=value) as its environment besides PATH.
inline ProgramRun run_program(const std::string& program, const std::vector<std::string>& arguments,
                              const std::vector<std::string>& variables = {},
                              const std::string& input_file = "/dev/null") {
    const TemporaryDirectory directory;
    const auto out = directory.path() / "out";
    const auto err = directory.path() / "err";
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, input_file.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&files, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
    std::vector<std::string> texts{program};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<std::string> environment{"PATH=/usr/bin:/bin"};
    environment.insert(environment.end(), variables.begin(), variables.end());
    const auto pointers = [](std::vector<std::string>& strings) {
        std::vector<char*> result;
        for (auto& text : strings) result.push_back(text.data());
        result.push_back(nullptr);
        return result;
    };
    pid_t child = 0;
    ProgramRun run;
    const int spawned = ::posix_spawn(&child, program.c_str(), &files, nullptr,
                                      pointers(texts).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&files);
    if (spawned != 0) return run;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) run.exit_code = WEXITSTATUS(status);
    run.out = text_of_file(out);
    run.err = text_of_file(err);
    return run;
}

}  // namespace qck::test
