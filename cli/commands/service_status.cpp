#include "cli/commands/service_status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t modes_shown = 100;
/// Nodes of which it is said why they do not answer.
constexpr std::size_t reasons_shown = 3;

Json tier_sums(const std::vector<RedirectLane>& lanes) {
    std::uint64_t hits = 0, misses = 0, failures = 0;
    for (const RedirectLane& lane : lanes) {
        const cache::TierCounters& tier = lane.shared->source().counters();
        hits += tier.shared_hits.value();
        misses += tier.shared_misses.value();
        failures += tier.shared_failures.value();
    }
    return {{"hits", hits}, {"misses", misses}, {"failures", failures}};
}

Json modes_json(const clicks::LinkModes& modes) {
    Json list = Json::array();
    const std::int64_t now_ms = wall_ms();
    for (const auto& standing : modes.standings()) {
        if (list.size() == modes_shown) break;
        const bool named = !standing.code.empty();
        list.push_back({{"code", named ? standing.code : "id " + std::to_string(standing.link_id)},
                        {"mode", clicks::link_mode_names[static_cast<std::size_t>(standing.mode)]},
                        {"clicks_per_s", static_cast<std::int64_t>(standing.rate_per_s)},
                        {"since_ms", now_ms - standing.for_ns / 1'000'000}});
    }
    return list;
}

Json cluster_json(const std::optional<redis::ClusterNodes>& cluster) {
    if (!cluster) return {{"state", "unreachable"}};
    Json nodes = Json::array();
    for (const redis::ClusterNode& node : cluster->nodes) {
        nodes.push_back({{"address", node.address},
                         {"role", node.is_master ? "master" : "replica"},
                         {"up", node.is_up},
                         {"slots", node.slots}});
    }
    return {{"state", std::string(cluster->state())},
            {"masters", cluster->up(true)},
            {"replicas", cluster->up(false)},
            {"slots_uncovered", cluster->slots_uncovered},
            {"nodes", std::move(nodes)}};
}

/// Whether a store takes what it is given.
struct Health {
    bool away = false;
    bool degraded = false;  ///< nodes are down, and others do what they did
    std::string why;

    const char* state() const { return away ? "away" : degraded ? "degraded" : "ok"; }
};

/// `why` of one node, and of how many more there is one.
void add_reason(std::string& why, const std::string& of_node, std::size_t before) {
    if (before < reasons_shown) why += (before > 0 ? "; " : "") + of_node;
    if (before == reasons_shown) why += "; and more";
}

/// By what asking its nodes came to: the latest there is.
Health health_of(const std::vector<StoreProbes::Standing>& nodes) {
    Health health;
    std::size_t down = 0;
    for (const auto& node : nodes) {
        if (!node.failure.empty()) add_reason(health.why, node.failure, down++);
    }
    health.away = down > 0 && down == nodes.size();
    health.degraded = down > 0 && !health.away;
    return health;
}

/// A cluster that lost a replica, or a master that has another in its place, serves all the same.
Health health_of(const std::optional<redis::ClusterNodes>& cluster) {
    if (!cluster) return {true, false, "the cluster is unreachable"};
    if (cluster->slots_uncovered > 0) return {true, false, "the cluster is down"};
    Health health;
    std::size_t down = 0;
    for (const redis::ClusterNode& node : cluster->nodes) {
        if (!node.is_up) add_reason(health.why, node.address + " is down", down++);
    }
    health.degraded = down > 0;
    return health;
}

Json nodes_json(const std::vector<StoreProbes::Standing>& nodes) {
    Json list = Json::array();
    for (const auto& node : nodes) {
        list.push_back(
            {{"address", node.node}, {"up", node.failure.empty()}, {"why", node.failure}});
    }
    return list;
}

Json limits_json(const StatusParts& parts) {
    Json list = Json::array();
    const std::int64_t now_ns = monotonic_ns();
    for (const auto& [listener, limiter] : parts.limiters) {
        if (limiter == nullptr) continue;
        const std::chrono::duration<double> period = limiter->limit().period;
        list.push_back({{"listener", listener},
                        {"requests", limiter->limit().requests},
                        {"period_s", period.count()},
                        {"shared", limiter->joined(now_ns)},
                        {"instances", limiter->instances(now_ns)},
                        {"refused", limiter->refused()}});
    }
    return list;
}

}  // namespace

void add_status(Json& document, const StatusParts& parts) {
    if (parts.shared != nullptr) {
        document["cache"]["redis"] = tier_sums(parts.lanes);
        const auto& figures = parts.shared->figures();
        document["link_changes"] = {{"heard", figures.heard.value() == 1},
                                    {"waiting", figures.waiting.value()}};
    }
    document["modes"] = modes_json(parts.modes);
    Json stores = Json::array();
    const std::int64_t now_ns = monotonic_ns();
    for (const DeliveryStatus& store : parts.deliveries.status()) {
        const auto nodes = parts.probes.standings(store.store);
        Health health = health_of(nodes);
        Json cluster;
        if (store.store == "redis" && parts.shared != nullptr &&
            parts.shared->cluster() != nullptr) {
            const auto known = parts.shared->cluster()->nodes();
            health = health_of(known);
            if (health.away && !store.away.empty()) health.why += ": " + store.away;
            cluster = cluster_json(known);
        }
        if (!health.away && !store.away.empty()) health = {true, false, store.away};
        stores.push_back({{"store", store.store},
                          {"state", health.state()},
                          {"away", health.away},
                          {"why", health.why},
                          {"lag_s", store.lag_s},
                          {"pending", store.pending},
                          {"pending_unit", store.of_clicks ? "clicks" : "links"},
                          {"delivered", store.delivered},
                          {"failures", store.failures},
                          {"lost", store.lost}});
        if (health.away && store.next_try_ns != 0) {
            const std::int64_t left_ns = std::max<std::int64_t>(store.next_try_ns - now_ns, 0);
            stores.back()["next_try_s"] = static_cast<double>(left_ns) / second_ns;
        }
        if (!cluster.is_null()) stores.back()["cluster"] = std::move(cluster);
        if (nodes.size() > 1) stores.back()["nodes"] = nodes_json(nodes);
    }
    document["stores"] = std::move(stores);
    if (const auto waits = parts.deliveries.settling()) {
        document["settling"] = {{"store", waits->store},
                                {"left_s", static_cast<double>(waits->left.count()) / 1000},
                                {"pending", waits->status.pending},
                                {"pending_unit", waits->status.of_clicks ? "clicks" : "links"}};
    }
    document["limits"] = limits_json(parts);
}

}  // namespace qck::commands
