#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "services/stores/redis/protocol/endpoint.hpp"
#include "services/stores/redis/protocol/key_slot.hpp"
#include "services/stores/redis/protocol/reply.hpp"

namespace qck::redis {

/// A node of the cluster for as long as the client lives, whatever it becomes.
using NodeId = std::uint16_t;

/// Who serves which slot, as far as is known.
class ClusterMap {
public:
    ClusterMap() { group_of_slot_.fill(no_group); }

    /// The node at `endpoint`; a new one when it was never heard of.
    NodeId node_at(const Endpoint& endpoint);
    const Endpoint& endpoint_of(NodeId node) const { return endpoints_[node]; }
    std::size_t node_count() const { return endpoints_.size(); }

    /// Takes the reply to CLUSTER SLOTS of the node `asked` instead of what was known. A host that
    /// is nil, empty or `?` is that of `asked` (Redis: "NULL endpoint: the client connects to the
    /// endpoint it sent the command to"). A reply that is malformed, or names no slot, changes
    /// nothing.
    Result<void> learn(ReplyView slots, NodeId asked);
    /// MOVED: one slot has another master.
    void move(std::uint16_t slot, NodeId master);

    bool is_known() const { return !groups_.empty(); }
    std::optional<NodeId> master_of(std::uint16_t slot) const;
    /// Empty when there are none, or none are known.
    const std::vector<NodeId>& replicas_of(std::uint16_t slot) const;
    /// One slot of each master that has any, ascending. Slots that come or go seldom change which:
    /// it is the first one of a fixed shuffled order.
    std::vector<std::uint16_t> slot_of_each_master() const;
    /// It serves slots, or copies a node that does.
    bool is_member(NodeId node) const;

private:
    /// A master and its replicas.
    struct Group {
        NodeId master;
        std::vector<NodeId> replicas;
    };
    static constexpr std::uint16_t no_group = 0xffff;

    std::vector<Endpoint> endpoints_;  ///< by NodeId
    std::map<Endpoint, NodeId> nodes_;
    std::vector<Group> groups_;
    std::array<std::uint16_t, slot_count> group_of_slot_{};
};

}  // namespace qck::redis
