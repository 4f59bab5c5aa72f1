#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/stores/redis/protocol/endpoint.hpp"

namespace qck::redis {

enum class Topology : std::uint8_t { single, cluster, sentinel };

/// What `--redis` names.
struct RedisUrl {
    Topology topology = Topology::single;
    bool tls = false;
    /// The server; seeds of the cluster; the Sentinels. Never empty.
    std::vector<Endpoint> endpoints;
    std::string user;         ///< empty: the default user
    std::string password;     ///< empty: none. Never in a log or an error
    std::uint32_t db = 0;     ///< always 0 in a cluster
    std::string master_name;  ///< of a Sentinel's set

    /// For logs and errors: no user, no password.
    std::string to_string() const;
};

/// `redis://[user[:password]@]host[:port][/db]`, `rediss://…` for TLS; several with commas are
/// seeds of one cluster;
/// `redis-sentinel://[user:password@]host[:port][,host[:port]…]/master-name[/db]`
/// (`rediss-sentinel://` for TLS). Ports default to 6379, of Sentinels to 26379. User and password
/// are percent-decoded, and those of a Sentinel's URL are the master's and the Sentinels', where
/// these have any; `redis://:password@…` is the default user. Errors are one line and name no
/// password.
Result<RedisUrl> parse_redis_url(std::string_view text);

}  // namespace qck::redis
