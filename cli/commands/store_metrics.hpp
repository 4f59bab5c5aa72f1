#pragma once

#include <string>
#include <vector>

#include "base/circuit_breaker.hpp"
#include "cli/commands/redirect_lane.hpp"
#include "services/admin/metrics.hpp"
#include "services/cache/tiered_source.hpp"
#include "services/stores/maxmind/places.hpp"
#include "services/stores/redis/figures.hpp"
#include "services/stores/redis/link_changes.hpp"

namespace qck::commands {

/// A client of Redis and what it is for: `lookups`, `changes`, `counts`, `limits`, `uniques`.
struct RedisUse {
    const char* use;
    const redis::Figures* figures;
};

std::vector<admin::Sample> redis_samples(const std::vector<RedisUse>& clients);
std::vector<admin::Sample> tier_samples(const std::vector<const cache::TierCounters*>& lanes);
std::vector<admin::Sample> change_samples(const redis::LinkChanges::Figures& figures);
std::vector<admin::Sample> outbox_samples(std::uint64_t drained);
/// A breaker, of a store for one use of it: `lookups`, `counts`.
struct BreakerUse {
    std::string store;
    const char* use;
    const CircuitBreaker* breaker;
};
std::vector<admin::Sample> breaker_samples(const std::vector<BreakerUse>& breakers);

std::vector<admin::Sample> place_samples(const maxmind::Places& places);

/// Of a service that shares links: the cache in Redis, changes.
std::vector<admin::Sample> shared_samples(const std::vector<RedirectLane>& lanes,
                                          const SharedLinks& links);

}  // namespace qck::commands
