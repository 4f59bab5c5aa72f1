#include "services/stores/redis/cluster_check.hpp"

#include <string>

#include "services/stores/redis/blocking_client.hpp"

namespace qck::redis {
namespace {

/// What a server says that was not started as a node.
constexpr const char* no_node = "cluster support disabled";

}  // namespace

Result<void> check_cluster(const ClientConfig& config) {
    if (config.url.topology != Topology::cluster) return {};
    for (const Endpoint& endpoint : config.url.endpoints) {
        ClientConfig one = config;
        one.url.topology = Topology::single;
        one.url.endpoints = {endpoint};
        const auto client = BlockingClient::create(one);
        if (!client) return client.error();
        const auto info = (*client)->call(Command("CLUSTER").arg("INFO").repeatable());
        if (info) return {};
        if (info.error().message.find(no_node) == std::string::npos) continue;
        return error(Errc::invalid_argument,
                     "--redis: " + one.url.to_string() +
                         " is no node of a cluster, and several addresses are those of one Redis "
                         "Cluster (give one server's alone, or redis-sentinel://HOST,HOST/MASTER)");
    }
    return {};
}

}  // namespace qck::redis
