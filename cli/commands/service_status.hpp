#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands/deliveries.hpp"
#include "cli/commands/redirect_lane.hpp"
#include "cli/commands/store_probes.hpp"
#include "services/clicks/link_modes.hpp"
#include "services/http_server/rate_limiter.hpp"

namespace qck::commands {

/// Where the figures of GET /v1/status are that the admin listener itself knows nothing of. All
/// outlive it; `shared` is null without Redis.
struct StatusParts {
    const std::vector<RedirectLane>& lanes;
    const clicks::LinkModes& modes;
    const Deliveries& deliveries;
    const SharedLinks* shared;
    /// By listener; null where there is no limit.
    std::vector<std::pair<std::string, const http_server::RateLimiter*>> limiters;
    const StoreProbes& probes;
};

/// Adds `cache.redis` {hits, misses, failures}, `modes` [{code, mode, clicks_per_s, since_ms}] (the
/// busiest 100), `stores` [{store, away, why, lag_s, pending, delivered, failures, lost}] (of a
/// Redis Cluster with `cluster` {state, masters, replicas, slots_uncovered, nodes}),
/// `link_changes` {heard, waiting} and `limits` [{listener, requests, period_s, shared, instances,
/// refused}]. Quick; thread-safe.
void add_status(nlohmann::ordered_json& document, const StatusParts& parts);

}  // namespace qck::commands
