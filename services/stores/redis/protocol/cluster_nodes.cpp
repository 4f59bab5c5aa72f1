#include "services/stores/redis/protocol/cluster_nodes.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "services/stores/redis/protocol/key_slot.hpp"

namespace qck::redis {
namespace {

constexpr std::size_t words_before_slots = 8;

std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(by), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

/// `0-5460` or `7000`; slots that come or go (`[93-<-…]`) are counted where they are: 0.
std::optional<std::size_t> slots_in(std::string_view range) {
    if (range.starts_with('[')) return 0;
    unsigned first = 0;
    const char* const end = range.data() + range.size();
    auto [at, failure] = std::from_chars(range.data(), end, first);
    unsigned last = first;
    if (failure == std::errc() && at != end && *at == '-') {
        const auto second = std::from_chars(at + 1, end, last);
        at = second.ptr;
        failure = second.ec;
    }
    if (failure != std::errc() || at != end || last < first || last >= slot_count) {
        return std::nullopt;
    }
    return last - first + 1;
}

}  // namespace

std::size_t ClusterNodes::up(bool masters) const {
    return static_cast<std::size_t>(std::count_if(
        nodes.begin(), nodes.end(),
        [&](const ClusterNode& node) { return node.is_up && node.is_master == masters; }));
}

std::size_t ClusterNodes::down() const { return nodes.size() - up(true) - up(false); }

std::string_view ClusterNodes::state() const {
    if (slots_uncovered > 0) return "down";
    return down() > 0 ? "degraded" : "ok";
}

Result<ClusterNodes> parse_cluster_nodes(std::string_view text) {
    const auto nonsense = [] {
        return error(Errc::corrupt, "a reply to CLUSTER NODES that makes no sense");
    };
    ClusterNodes cluster;
    std::size_t covered = 0;
    for (const std::string_view line : split(text, '\n')) {
        const auto words = split(line, ' ');
        if (words.size() < words_before_slots) return nonsense();
        const auto flags = split(words[2], ',');
        const auto has = [&](std::string_view flag) {
            return std::find(flags.begin(), flags.end(), flag) != flags.end();
        };
        if (has("handshake")) continue;
        ClusterNode node;
        node.address = words[1].substr(0, words[1].find('@'));
        node.is_master = has("master");
        if (!node.is_master && !has("slave")) return nonsense();
        node.is_up = !has("fail") && !has("fail?") && !has("noaddr") &&
                     (has("myself") || words[7] == "connected");
        for (std::size_t at = words_before_slots; at < words.size(); ++at) {
            const auto slots = slots_in(words[at]);
            if (!slots) return nonsense();
            node.slots += *slots;
        }
        if (node.is_up) covered += node.slots;
        cluster.nodes.push_back(std::move(node));
    }
    if (cluster.nodes.empty()) return nonsense();
    cluster.slots_uncovered = slot_count - std::min<std::size_t>(covered, slot_count);
    return cluster;
}

}  // namespace qck::redis
