#pragma once

#include "base/error.hpp"
#include "services/stores/redis/client_config.hpp"

namespace qck::redis {

/// Errc::invalid_argument when several addresses are given, which are a cluster's, and the first of
/// them that answers is a server that is none of a cluster. One that does not answer is not
/// complained of. Blocks for as long as the time limits of `config` allow, for each address.
Result<void> check_cluster(const ClientConfig& config);

}  // namespace qck::redis
