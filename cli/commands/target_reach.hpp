#pragma once

#include <string>

#include "base/error.hpp"
#include "base/net/tls.hpp"
#include "loadgen/engine/target.hpp"

namespace qck::commands {

/// Connects to the target once and closes again; over https it shakes hands as well, as the run
/// would by `tls`. Takes at most some seconds. Errc::unavailable says why it cannot be done, and
/// what to do: `hint` where nobody answers.
Result<void> check_reachable(const engine::Target& target, const net::TlsClientConfig& tls,
                             const std::string& hint);
/// Only that it accepts connections.
Result<void> check_reachable(const engine::Target& target, const std::string& hint);

}  // namespace qck::commands
