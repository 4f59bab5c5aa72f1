#include "cli/commands/local_agents.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "base/clock.hpp"

extern char** environ;  // NOLINT: POSIX names it

namespace qck::commands {
namespace {

constexpr std::chrono::nanoseconds ended_within = std::chrono::seconds(2);

std::vector<std::string> words_of(const LocalAgents::Config& config, std::size_t index) {
    std::vector<std::string> words{"qck", "agent", "--quiet", "--once", "--join", config.join};
    words.insert(words.end(), {"--name", "local-" + std::to_string(index + 1)});
    words.insert(words.end(), {"--threads", std::to_string(config.threads)});
    if (!config.cpus.empty()) {
        // In turn, so that the agents are spread over them.
        std::string cpus;
        for (std::size_t at = 0; at < config.cpus.size(); ++at) {
            const int cpu = config.cpus[(index * config.threads + at) % config.cpus.size()];
            cpus += (cpus.empty() ? "" : ",") + std::to_string(cpu);
        }
        words.insert(words.end(), {"--pin", cpus});
    }
    if (config.allow_public) words.emplace_back("--allow-public");
    if (!config.local_addresses.empty()) {
        words.insert(words.end(), {"--local-address", config.local_addresses});
    }
    if (!config.ca_file.empty()) words.insert(words.end(), {"--ca", config.ca_file});
    return words;
}

/// The environment with the token, and without other QCK_…: those are for the command that a person
/// typed.
std::vector<std::string> environment_of(const std::string& token) {
    std::vector<std::string> kept{"QCK_FLEET_TOKEN=" + token};
    for (char** entry = environ; *entry != nullptr; ++entry) {
        if (std::strncmp(*entry, "QCK_", 4) != 0) kept.emplace_back(*entry);
    }
    return kept;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

/// Between fork and exec only what is safe there.
[[noreturn]] void run_child(char* const* words, char* const* environment, pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDOUT_FILENO);
    ::execve("/proc/self/exe", words, environment);
    ::_exit(127);
}

}  // namespace

Result<LocalAgents> LocalAgents::start(const Config& config) {
    LocalAgents agents;
    const pid_t parent = ::getpid();
    std::vector<std::string> environment = environment_of(config.token);
    const std::vector<char*> environment_pointers = pointers_to(environment);
    for (std::size_t index = 0; index < config.count; ++index) {
        std::vector<std::string> words = words_of(config, index);
        const std::vector<char*> word_pointers = pointers_to(words);
        const pid_t child = ::fork();
        if (child < 0) return io_error("cannot start qck agent", errno);
        if (child == 0) run_child(word_pointers.data(), environment_pointers.data(), parent);
        agents.children_.push_back(child);
    }
    return agents;
}

LocalAgents::~LocalAgents() {
    for (const pid_t child : children_) ::kill(child, SIGTERM);
    const std::int64_t until_ns = monotonic_ns() + ended_within.count();
    for (const pid_t child : children_) {
        while (::waitpid(child, nullptr, WNOHANG) == 0) {
            if (monotonic_ns() >= until_ns) ::kill(child, SIGKILL);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
}

}  // namespace qck::commands
