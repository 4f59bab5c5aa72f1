#pragma once

#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/support/run_program.hpp"

namespace qck::test {

/// `qck bench …`, its report in a directory of its own.
struct BenchProgram {
    ProgramRun operator()(std::vector<std::string> arguments,
                          const std::vector<std::string>& variables = {}) const {
        return run_program(QCK_PROGRAM, words(std::move(arguments)), variables);
    }
    std::vector<std::string> words(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "bench");
        arguments.insert(arguments.end(), {"--out", out().string()});
        return arguments;
    }
    std::filesystem::path out() const { return directory.path() / "run"; }
    nlohmann::json report() const {
        return nlohmann::json::parse(text_of_file(out() / "report.json"));
    }

    TemporaryDirectory directory;
};

/// Threads of a process that offer load.
inline std::size_t load_threads_of(pid_t process) {
    std::size_t count = 0;
    std::error_code gone;
    for (const auto& thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", gone)) {
        std::ifstream file(thread.path() / "comm");
        std::string name;
        if (std::getline(file, name) && name == "qck-load") ++count;
    }
    return count;
}

/// The run went to its end; whether it kept time is the machine's affair.
inline bool ran(const ProgramRun& run) { return run.exit_code == 0 || run.exit_code == 4; }

}  // namespace qck::test
