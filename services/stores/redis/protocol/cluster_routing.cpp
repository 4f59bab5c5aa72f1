#include "services/stores/redis/protocol/cluster_routing.hpp"

#include <algorithm>

#include "services/stores/redis/protocol/error_reply.hpp"

namespace qck::redis {

ClusterRouting::ClusterRouting(const std::vector<Endpoint>& seeds, Limits limits)
    : limits_(limits) {
    for (const Endpoint& seed : seeds) {
        const NodeId node = map_.node_at(seed);
        if (std::find(seeds_.begin(), seeds_.end(), node) == seeds_.end()) seeds_.push_back(node);
    }
}

void ClusterRouting::set_down(NodeId node, bool down) {
    if (node >= down_.size()) down_.resize(node + std::size_t{1});
    down_[node] = down;
}

void ClusterRouting::on_down(NodeId node) {
    set_down(node, true);
    refresh_wanted_ = true;
}

bool ClusterRouting::all_down() const {
    for (std::size_t node = 0; node < map_.node_count(); ++node) {
        const auto id = static_cast<NodeId>(node);
        const bool counts = !map_.is_known() || map_.is_member(id);
        if (counts && !is_down(id)) return false;
    }
    return true;
}

/// In turn, so that commands without a slot spread.
std::optional<NodeId> ClusterRouting::any_up() {
    const auto count = static_cast<std::uint32_t>(map_.node_count());
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto node = static_cast<NodeId>((turn_ + i) % count);
        if (is_down(node) || (map_.is_known() && !map_.is_member(node))) continue;
        turn_ = node + std::uint32_t{1};
        return node;
    }
    return std::nullopt;
}

std::optional<Route> ClusterRouting::route(const Command& command) {
    const auto slot = command.slot();
    if (!slot) {
        const auto node = any_up();
        return node ? std::optional(Route{*node}) : std::nullopt;
    }
    if (command.may_use_replica()) {
        const auto& replicas = map_.replicas_of(*slot);
        for (std::size_t i = 0; i < replicas.size(); ++i) {
            const NodeId replica = replicas[(turn_ + i) % replicas.size()];
            if (is_down(replica)) continue;
            ++turn_;
            return Route{replica, false, true};
        }
    }
    const auto master = map_.master_of(*slot);
    if (master && !is_down(*master)) return Route{*master};
    refresh_wanted_ = true;
    return std::nullopt;
}

Verdict ClusterRouting::on_error(std::string_view error_reply, NodeId from,
                                 std::uint8_t& redirections, Route& to) {
    ErrorReply parsed = parse_error_reply(error_reply);
    switch (parsed.refusal) {
        case Refusal::moved:
        case Refusal::ask: {
            const bool moved = parsed.refusal == Refusal::moved;
            if (moved) refresh_wanted_ = true;
            if (redirections >= limits_.redirections_max) return Verdict::deliver;
            ++redirections;
            if (parsed.endpoint.host.empty() || parsed.endpoint.host == "?") {
                parsed.endpoint.host = map_.endpoint_of(from).host;
            }
            to = Route{map_.node_at(parsed.endpoint), !moved};
            if (moved) map_.move(parsed.slot, to.node);
            return is_down(to.node) ? Verdict::wait : Verdict::resend;
        }
        case Refusal::try_again:
            return Verdict::wait;
        case Refusal::cluster_down:
        case Refusal::read_only:
        case Refusal::loading:
        case Refusal::master_down:
            refresh_wanted_ = true;
            return Verdict::wait;
        default:
            return Verdict::deliver;
    }
}

bool ClusterRouting::wants_refresh(std::int64_t now_ns) const {
    if (refreshing_) return false;
    if (!refreshed_ns_) return true;
    const auto since = std::chrono::nanoseconds(now_ns - *refreshed_ns_);
    return since >= (refresh_wanted_ ? limits_.refresh_pause : limits_.refresh_period);
}

std::optional<NodeId> ClusterRouting::begin_refresh(std::int64_t now_ns) {
    if (!wants_refresh(now_ns)) return std::nullopt;
    const auto count = static_cast<std::uint32_t>(map_.node_count());
    const bool anybody = !map_.is_known() || all_down();  // a seed may know who took over
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto node = static_cast<NodeId>((refresh_turn_ + i) % count);
        if (is_down(node) || !(anybody || map_.is_member(node))) continue;
        refresh_turn_ = node + std::uint32_t{1};
        refreshing_ = true;
        refreshed_ns_ = now_ns;
        refresh_wanted_ = false;
        return node;
    }
    return std::nullopt;
}

Result<void> ClusterRouting::end_refresh(NodeId asked, ReplyView slots) {
    refreshing_ = false;
    auto learned = map_.learn(slots, asked);
    if (!learned) refresh_wanted_ = true;
    return learned;
}

void ClusterRouting::fail_refresh() {
    refreshing_ = false;
    refresh_wanted_ = true;
}

}  // namespace qck::redis
