#include "cli/commands/local_agents.hpp"

#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "cli/commands/start_self.hpp"

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

}  // namespace

Result<LocalAgents> LocalAgents::start(const Config& config) {
    LocalAgents agents;
    for (std::size_t index = 0; index < config.count; ++index) {
        SelfStart start;
        start.words = words_of(config, index);
        start.environment = {"QCK_FLEET_TOKEN=" + config.token};
        const auto child = start_self(std::move(start));
        if (!child) return child.error();
        agents.children_.push_back(*child);
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
