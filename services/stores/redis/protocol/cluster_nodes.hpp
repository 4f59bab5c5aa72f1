#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace qck::redis {

/// A node of a cluster, by the word of one of them.
struct ClusterNode {
    std::string address;  ///< HOST:PORT
    bool is_master = false;
    bool is_up = false;     ///< not failed, not suspected to have, and connected
    std::size_t slots = 0;  ///< of a master
};

/// How the nodes of a cluster are.
struct ClusterNodes {
    std::vector<ClusterNode> nodes;
    std::size_t slots_uncovered = 0;  ///< without a master that is up

    std::size_t up(bool masters) const;
    std::size_t down() const;
    /// `ok`; `degraded`: every slot is served, but nodes are down; `down`: slots are not served.
    std::string_view state() const;
};

/// Reads the reply to CLUSTER NODES (Redis documentation, "CLUSTER NODES", "Serialization format").
/// Nodes that are only being met are left out.
Result<ClusterNodes> parse_cluster_nodes(std::string_view text);

}  // namespace qck::redis
