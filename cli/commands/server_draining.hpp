#pragma once

#include <chrono>
#include <span>
#include <utility>

#include "base/net/reactor.hpp"
#include "services/http_server/server.hpp"

namespace qck::commands {

using ServerOnReactor = std::pair<net::Reactor*, http_server::Server*>;

/// Has each server refuse new connections and answer what it was asked; returns when all have, or
/// `most` has passed. The reactors run.
void drain_servers(std::span<const ServerOnReactor> servers, std::chrono::milliseconds most);

}  // namespace qck::commands
