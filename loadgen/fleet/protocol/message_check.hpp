#pragma once

#include "base/error.hpp"
#include "loadgen/fleet/protocol/message.hpp"

namespace qck::fleet {

/// Whether a message that came from elsewhere is one that a command could have made it say: what is
/// taken from it later is added up, multiplied and allocated without another look. Errors say which
/// part is not.
Result<void> check_message(const Message& message);

}  // namespace qck::fleet
