#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/integration/fleet/agent_process.hpp"
#include "tests/support/bench_program.hpp"

namespace qck::test {

/// `qck bench …` to its end, begun by a child that may first do to itself what the run is to suffer
/// from. Nothing but system calls may be in that.
inline ProgramRun bench_after(const BenchProgram& bench, const std::function<void()>& suffer,
                              std::vector<std::string> words) {
    words = bench.words(std::move(words));
    words.insert(words.begin(), QCK_PROGRAM);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string out = (bench.directory.path() / "out").string();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ::dup2(file, STDOUT_FILENO);
        ::dup2(file, STDERR_FILENO);
        suffer();
        ::execv(QCK_PROGRAM, arguments.data());
        ::_exit(127);
    }
    int status = 0;
    ProgramRun run;
    if (within(std::chrono::seconds(60),
               [&] { return ::waitpid(child, &status, WNOHANG) == child; })) {
        if (WIFEXITED(status)) run.exit_code = WEXITSTATUS(status);
    } else {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
    run.out = text_of_file(out);
    return run;
}

/// What an INVALID run is laid to.
struct Laid {
    std::string cause;
    std::string reason;
};
inline Laid laid_to(const BenchProgram& bench) {
    const nlohmann::json verdict = bench.report().at("verdict");
    CAPTURE(verdict.dump());
    REQUIRE(verdict.at("status") == "INVALID");
    return {verdict.at("cause"), verdict.at("reasons").at(0)};
}

}  // namespace qck::test
