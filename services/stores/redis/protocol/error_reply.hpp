#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "services/stores/redis/protocol/endpoint.hpp"

namespace qck::redis {

/// What an error reply says that a client can act upon.
enum class Refusal : std::uint8_t {
    other,
    moved,         ///< the slot has another owner, for good
    ask,           ///< this key is at another node by now: ask there once, after ASKING
    try_again,     ///< keys of the command are split by a migration under way
    cluster_down,  ///< the cluster does not serve this slot at the moment
    read_only,     ///< a replica was given a write: it was the master before
    loading,       ///< reading its data from disk
    master_down,   ///< a replica that lost its master and may not answer
    busy,          ///< a script has been running for too long
    no_script,     ///< EVALSHA of a script it has not
    permission,    ///< NOAUTH, WRONGPASS, NOPERM
    out_of_memory,
};

struct ErrorReply {
    Refusal refusal = Refusal::other;
    std::uint16_t slot = 0;  ///< of moved and ask
    Endpoint endpoint;       ///< of moved and ask; an empty host means that of the node asked
};

/// `text` as the server sent it, without the leading '-'.
ErrorReply parse_error_reply(std::string_view text);

/// no_script is Errc::not_found; what may pass by itself is unavailable; what the caller has wrong
/// is invalid_argument.
Errc code_of(Refusal refusal);

}  // namespace qck::redis
