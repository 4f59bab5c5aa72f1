#include "cli/commands/service_status.hpp"

#include <nlohmann/json.hpp>

#include "base/clock.hpp"

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t modes_shown = 100;

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
    for (const DeliveryStatus& store : parts.deliveries.status()) {
        std::string why = store.away;
        for (const auto& node : parts.probes.standings(store.store)) {
            if (why.empty()) why = node.failure;
        }
        const bool clustered =
            store.store == "redis" && parts.shared != nullptr && parts.shared->cluster() != nullptr;
        Json cluster;
        if (clustered) {
            cluster = cluster_json(parts.shared->cluster()->nodes());
            const auto state = cluster["state"].get<std::string>();
            if (why.empty() && state != "ok") why = "the cluster is " + state;
        }
        stores.push_back({{"store", store.store},
                          {"away", !why.empty()},
                          {"why", why},
                          {"lag_s", store.lag_s},
                          {"pending", store.pending},
                          {"pending_unit", store.of_clicks ? "clicks" : "links"},
                          {"delivered", store.delivered},
                          {"failures", store.failures},
                          {"lost", store.lost}});
        if (clustered) stores.back()["cluster"] = std::move(cluster);
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
