#include "cli/commands/server_draining.hpp"

#include <algorithm>
#include <thread>

#include "base/clock.hpp"

namespace qck::commands {

void drain_servers(std::span<const ServerOnReactor> servers, std::chrono::milliseconds most) {
    for (const auto& [reactor, server] : servers) {
        reactor->post([server = server] { server->drain(); });
    }
    const std::int64_t deadline_ns = monotonic_ns() + std::chrono::nanoseconds(most).count();
    const auto drained = [](const ServerOnReactor& entry) { return entry.second->drained(); };
    while (!std::all_of(servers.begin(), servers.end(), drained) && monotonic_ns() < deadline_ns) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace qck::commands
