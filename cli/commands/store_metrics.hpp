#pragma once

#include <vector>

#include "base/circuit_breaker.hpp"
#include "cli/commands/redirect_lane.hpp"
#include "services/admin/metrics.hpp"
#include "services/cache/tiered_source.hpp"
#include "services/stores/redis/figures.hpp"
#include "services/stores/redis/link_changes.hpp"

namespace qck::commands {

/// A client of Redis and what it is for: `lookups`, `changes`.
struct RedisUse {
    const char* use;
    const redis::Figures* figures;
};

std::vector<admin::Sample> redis_samples(const std::vector<RedisUse>& clients);
std::vector<admin::Sample> tier_samples(const std::vector<const cache::TierCounters*>& lanes);
std::vector<admin::Sample> change_samples(const redis::LinkChanges::Figures& figures);
std::vector<admin::Sample> outbox_samples(std::uint64_t drained);
std::vector<admin::Sample> breaker_samples(const char* store, const CircuitBreaker& breaker);

/// All of those of a service that shares links: its clients of Redis, the cache there, changes.
std::vector<admin::Sample> shared_samples(const std::vector<RedirectLane>& lanes,
                                          const SharedLinks& links, const CircuitBreaker& breaker);

}  // namespace qck::commands
