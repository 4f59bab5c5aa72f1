#include "cli/commands/start_self.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;  // NOLINT: POSIX names it

namespace qck::commands {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// Between fork and exec only what is safe there.
[[noreturn]] void run_child(char* const* words, char* const* environment, int output, int errors,
                            pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    // Where one of the three was closed it has taken that place, which exec would close again.
    if (nothing >= 0 && nothing <= STDERR_FILENO) {
        nothing = ::fcntl(nothing, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output < 0 ? nothing : output, STDOUT_FILENO);
    if (errors >= 0) ::dup2(errors, STDERR_FILENO);
    ::execve("/proc/self/exe", words, environment);
    ::_exit(127);
}

}  // namespace

Result<pid_t> start_self(SelfStart start) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (std::strncmp(*entry, "QCK_", 4) != 0) start.environment.emplace_back(*entry);
    }
    const std::vector<char*> words = pointers_to(start.words);
    const std::vector<char*> environment = pointers_to(start.environment);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0)
        return io_error("cannot start " + start.words.at(0) + " " + start.words.at(1), errno);
    if (child == 0) run_child(words.data(), environment.data(), start.output, start.errors, parent);
    return child;
}

}  // namespace qck::commands
