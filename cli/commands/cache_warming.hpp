#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/commands/redirect_lane.hpp"
#include "services/cache/link_fetcher.hpp"

namespace qck::commands {

/// What warming goes through.
struct WarmingParts {
    std::vector<RedirectLane>& lanes;
    cache::LinkFetcher& fetcher;
    SharedLinks* shared;  ///< null without Redis
};

/// What became of the codes.
struct Warmed {
    std::vector<std::string> in_l1;      ///< of every reactor
    std::vector<std::string> not_found;  ///< the store has no such link
    std::vector<std::string> failed;     ///< could not be read, or not in time
    std::size_t in_redis = 0;
    std::vector<std::string> not_in_redis;  ///< links that there are
    std::string redis_error;                ///< why, of the first; empty: all are there
};

/// Reads links from the store into L1 of every reactor and into Redis, and waits for both.
/// Blocking; not from a reactor.
///
/// A bounded number is under way: the next are begun when Redis has answered for those before. L1
/// is filled from the store and Redis by the client of changes, so that neither the lookups of
/// visitors nor their breaker are touched. When Redis takes none of those that were under way, it
/// is not asked for the rest of the call.
Warmed warm_links(const WarmingParts& parts, const std::vector<std::string>& codes);

}  // namespace qck::commands
