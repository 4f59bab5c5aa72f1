#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "services/cache/link_source.hpp"
#include "services/stores/redis/protocol/command.hpp"

namespace qck::redis {

/// The channel on which instances tell each other of changed links.
inline constexpr std::string_view invalidation_channel = "qck:invalidate";

std::string link_key(std::string_view code);

/// Writes what a store said, unless something newer is there. Version 0 (never seen) is only
/// written where there is nothing.
Command fill_command(std::string_view code, const cache::Known& known,
                     std::chrono::nanoseconds fetch_time, std::chrono::milliseconds ttl);

/// Writes a change that was committed, unless something newer is there, and tells every instance
/// of it. With `only_if_known`, only when somebody asked for the code lately.
Command change_command(std::string_view code, const cache::Known& known,
                       std::chrono::milliseconds ttl, bool only_if_known);

}  // namespace qck::redis
