#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/http_server/limit_exchange.hpp"
#include "services/stores/redis/blocking_client.hpp"

namespace qck::redis {

/// What clients owe of a limit, over all instances of one Redis (5 or newer):
///
// clang-format off
///     qck:limit:{NAME/REQUESTS/MILLISECONDS}:instances   sorted set: node, when it came last (ms)
///     qck:limit:{NAME/REQUESTS/MILLISECONDS}:secret      what addresses are hashed with
///     qck:limit:{NAME/REQUESTS/MILLISECONDS/0…7}:CLIENT  when the client's debt is paid (µs); gone then
// clang-format on
///
/// CLIENT is the SipHash-2-4 of the address (IPv6: of its /64) under the secret, which lies in the
/// same Redis: it keeps addresses out of sight, not out of reach of who may read there. Times are
/// of Redis' clock alone. Instances with different limits do not share.
class RedisLimits final : public http_server::SharedLimits {
public:
    /// `client` outlives it; `node` names this instance.
    RedisLimits(BlockingClient& client, std::uint64_t node);

    Result<Round> exchange(const std::string& name, const http_server::RateLimit& limit,
                           std::span<const http_server::LimitUse> uses) override;

private:
    struct Greeting {
        std::uint32_t instances;
        std::string secret;
    };
    Result<Greeting> greet(const std::string& prefix);

    BlockingClient& client_;
    const std::string node_;
    const std::string own_secret_;  ///< offered where there is none
};

}  // namespace qck::redis
