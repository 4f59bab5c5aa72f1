#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
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

/// That it is laid to `cause`, for a reason that says `reason`.
inline void check_laid_to(const BenchProgram& bench, const std::string& cause,
                          const std::string& reason) {
    const auto laid = laid_to(bench);
    CAPTURE(laid.reason);
    CHECK(laid.cause == cause);
    CHECK(contains(laid.reason, reason));
}

inline std::vector<std::string> constant(const std::string& url, std::vector<std::string> more) {
    more.insert(more.begin(), {"constant", "--target", url});
    return more;
}

inline bool has_namespaces() { return std::system("unshare -n true 2>/dev/null") == 0; }

/// `qck bench run` of a scenario that closes so many connections a second and opens others.
inline std::vector<std::string> renewing(const BenchProgram& bench, int new_connections_per_s,
                                         std::vector<std::string> more) {
    const auto file = bench.directory.path() / "renewing.json";
    std::ofstream(file) << R"({"name": "renewing",
        "phases": [{"name": "only", "rate": 500, "duration": "4s"}],
        "requests": [{"path": "/health"}], "timeout": "1s",
        "connections": 16, "new_connections_per_s": )"
                        << new_connections_per_s << "}";
    more.insert(more.begin(), {"run", file.string()});
    return bench.words(std::move(more));
}

inline constexpr const char* loopback_up = "ip link set lo up";

/// A shell's line that runs qck in namespaces of its own (of unshare(1)), after `settings`.
inline std::string unshared(const std::string& namespaces, const std::string& settings,
                            const std::vector<std::string>& words) {
    std::string command =
        "exec unshare " + namespaces + " sh -c '" + settings + " && exec \"$@\"' sh " + QCK_PROGRAM;
    for (const std::string& word : words) command += " " + word;
    return command;
}

}  // namespace qck::test
