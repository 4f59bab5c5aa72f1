#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "services/stores/redis/protocol/cluster_map.hpp"
#include "services/stores/redis/protocol/command.hpp"

namespace qck::redis {

/// Where a command goes now.
struct Route {
    NodeId node = 0;
    bool asking = false;     ///< after ASKING
    bool read_only = false;  ///< over a connection that has said READONLY
    friend bool operator==(const Route&, const Route&) = default;
};

/// What to do with a command that was answered with an error.
enum class Verdict : std::uint8_t {
    deliver,  ///< the error is the answer
    resend,   ///< at once, where ClusterRouting says
    wait,     ///< ask for a route again after a pause, or when something has changed
};

/// The decisions of a cluster client, without sockets and without a clock: which node a command
/// goes to, what an error reply means, when to read the slot map again and from whom.
/// (Redis Cluster specification, "Redirection and resharding".) One thread.
class ClusterRouting {
public:
    struct Limits {
        unsigned redirections_max = 8;
        /// Between two readings of the slot map, however many reasons there are.
        std::chrono::nanoseconds refresh_pause = std::chrono::milliseconds(50);
        /// A reading without a reason.
        std::chrono::nanoseconds refresh_period = std::chrono::seconds(30);
    };

    ClusterRouting(const std::vector<Endpoint>& seeds, Limits limits);

    /// Nothing: its slot has no server in reach at the moment; wait.
    std::optional<Route> route(const Command& command);
    /// `redirections` counts those of the command so far. After Verdict::resend, `to` is where.
    Verdict on_error(std::string_view error_reply, NodeId from, std::uint8_t& redirections,
                     Route& to);

    /// Nodes are taken to be up until they are found down, and again once nobody connects to them.
    void on_up(NodeId node) { set_down(node, false); }
    /// Wants the map read again: the node's slots have, or will have, another master.
    void on_down(NodeId node);
    bool is_down(NodeId node) const { return node < down_.size() && down_[node]; }
    /// None of the nodes that are known is in reach.
    bool all_down() const;

    bool wants_refresh(std::int64_t now_ns) const;
    /// There is a reason for one, if perhaps not yet the time.
    bool refresh_is_wanted() const { return refresh_wanted_ || refreshing_; }
    /// The node to ask CLUSTER SLOTS, one after the other as they fail; nothing when it is not the
    /// time, or one has been asked and not answered.
    std::optional<NodeId> begin_refresh(std::int64_t now_ns);
    /// Ends what begin_refresh() began. A reply that is of no use is an error, and is wanted again.
    Result<void> end_refresh(NodeId asked, ReplyView slots);
    void fail_refresh();

    const ClusterMap& map() const { return map_; }
    const std::vector<NodeId>& seeds() const { return seeds_; }

private:
    void set_down(NodeId node, bool down);
    std::optional<NodeId> any_up();

    const Limits limits_;
    ClusterMap map_;
    std::vector<NodeId> seeds_;
    std::vector<bool> down_;
    std::uint32_t turn_ = 0;  ///< of replicas, of nodes for commands without a slot
    std::uint32_t refresh_turn_ = 0;
    bool refresh_wanted_ = true;
    bool refreshing_ = false;
    std::optional<std::int64_t> refreshed_ns_;  ///< when the last one began
};

}  // namespace qck::redis
