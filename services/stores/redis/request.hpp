#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/error.hpp"
#include "services/stores/redis/protocol/command.hpp"
#include "services/stores/redis/protocol/reply.hpp"

namespace qck::redis {

/// Called exactly once for each command, on the reactor's thread, never within send(). An error
/// reply of the server is an Error, too: not_found for NOSCRIPT, permission, unavailable for what
/// passes by itself (LOADING, CLUSTERDOWN, OOM), else invalid_argument.
using Done = std::function<void(Result<Reply>)>;

/// A command on its way. Without `done` the reply is awaited and dropped: it was given up before,
/// or nobody wants it.
struct Request {
    Command command{""};
    Done done;
    std::int64_t deadline_ns = 0;  ///< CLOCK_MONOTONIC
    std::uint8_t redirections = 0;
    bool asking = false;    ///< to be sent after ASKING
    bool internal = false;  ///< the client's own: not in the ledger
};

}  // namespace qck::redis
