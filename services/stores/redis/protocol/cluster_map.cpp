#include "services/stores/redis/protocol/cluster_map.hpp"

#include <algorithm>
#include <utility>

namespace qck::redis {
namespace {

const std::vector<NodeId> no_replicas;

struct Range {
    std::uint16_t first;
    std::uint16_t last;
    std::vector<Endpoint> servers;  ///< the master first
};

std::optional<Endpoint> endpoint_in(ReplyView node, const Endpoint& asked) {
    const std::int64_t port = node[1].integer();
    if (port < 1 || port > 0xffff) return std::nullopt;
    std::string host(node[0].text());
    if (host.empty() || host == "?") host = asked.host;
    return Endpoint{std::move(host), static_cast<std::uint16_t>(port)};
}

std::optional<Range> range_in(ReplyView entry, const Endpoint& asked) {
    const std::int64_t first = entry[0].integer();
    const std::int64_t last = entry[1].integer();
    if (entry.size() < 3 || first < 0 || last < first || last >= slot_count) return std::nullopt;
    Range range{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last), {}};
    for (std::size_t i = 2; i < entry.size(); ++i) {
        auto server = endpoint_in(entry[i], asked);
        if (!server) return std::nullopt;
        range.servers.push_back(*std::move(server));
    }
    return range;
}

}  // namespace

NodeId ClusterMap::node_at(const Endpoint& endpoint) {
    const auto [found, is_new] =
        nodes_.try_emplace(endpoint, static_cast<NodeId>(endpoints_.size()));
    if (is_new) endpoints_.push_back(endpoint);
    return found->second;
}

Result<void> ClusterMap::learn(ReplyView slots, NodeId asked) {
    std::vector<Range> ranges;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        auto range = range_in(slots[i], endpoints_[asked]);
        if (!range) return error(Errc::corrupt, "a reply to CLUSTER SLOTS that makes no sense");
        ranges.push_back(*std::move(range));
    }
    if (ranges.empty()) return error(Errc::unavailable, "it knows of no slots of a cluster");
    groups_.clear();
    group_of_slot_.fill(no_group);
    std::map<NodeId, std::uint16_t> group_of_master;
    for (const Range& range : ranges) {
        const NodeId master = node_at(range.servers.front());
        const auto [found, is_new] =
            group_of_master.try_emplace(master, static_cast<std::uint16_t>(groups_.size()));
        if (is_new) {
            Group group{master, {}};
            for (std::size_t i = 1; i < range.servers.size(); ++i) {
                group.replicas.push_back(node_at(range.servers[i]));
            }
            groups_.push_back(std::move(group));
        }
        std::fill(group_of_slot_.begin() + range.first, group_of_slot_.begin() + range.last + 1,
                  found->second);
    }
    return {};
}

void ClusterMap::move(std::uint16_t slot, NodeId master) {
    const auto found = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const Group& group) { return group.master == master; });
    group_of_slot_[slot] = static_cast<std::uint16_t>(found - groups_.begin());
    if (found == groups_.end()) groups_.push_back({master, {}});
}

std::optional<NodeId> ClusterMap::master_of(std::uint16_t slot) const {
    const std::uint16_t group = group_of_slot_[slot];
    return group == no_group ? std::nullopt : std::optional(groups_[group].master);
}

const std::vector<NodeId>& ClusterMap::replicas_of(std::uint16_t slot) const {
    const std::uint16_t group = group_of_slot_[slot];
    return group == no_group ? no_replicas : groups_[group].replicas;
}

std::vector<std::uint16_t> ClusterMap::slot_of_each_master() const {
    // An odd factor permutes the slots.
    constexpr std::uint32_t shuffle = 40503;
    std::map<std::uint16_t, std::uint16_t> chosen;  // by group
    for (std::uint32_t turn = 0; turn < slot_count; ++turn) {
        const auto slot = static_cast<std::uint16_t>(turn * shuffle % slot_count);
        if (group_of_slot_[slot] != no_group) chosen.try_emplace(group_of_slot_[slot], slot);
    }
    std::vector<std::uint16_t> slots;
    for (const auto& [group, slot] : chosen) slots.push_back(slot);
    std::sort(slots.begin(), slots.end());
    return slots;
}

bool ClusterMap::is_member(NodeId node) const {
    return std::any_of(groups_.begin(), groups_.end(), [node](const Group& group) {
        return group.master == node ||
               std::count(group.replicas.begin(), group.replicas.end(), node) > 0;
    });
}

}  // namespace qck::redis
