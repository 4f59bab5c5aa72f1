#include "services/stores/redis/second_keys.hpp"

#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/stores/redis/protocol/key_slot.hpp"

namespace qck::redis {
namespace {

constexpr std::string_view pattern = "clicks:{*}:[0-9]*";
constexpr int keys_in_a_step = 1'000;
/// A script is how a cluster client reaches the node of a slot: SCAN has no key.
constexpr std::string_view scan_script =
    "return redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])";

/// The second in such a key; negative when it is another key.
std::int64_t second_of(std::string_view key) {
    const auto colon = key.rfind(':');
    if (!key.starts_with("clicks:{") || colon == 0 || key[colon - 1] != '}') return -1;
    std::int64_t second = -1;
    const char* const end = key.data() + key.size();
    const auto [at, failure] = std::from_chars(key.data() + colon + 1, end, second);
    return failure == std::errc() && at == end ? second : -1;
}

/// One key in a slot of each master.
Result<std::vector<std::string>> key_of_each_master(BlockingClient& client) {
    const auto slots = client.call(Command("CLUSTER").arg("SLOTS").repeatable());
    if (!slots) return slots.error();
    std::map<std::string, std::uint16_t> masters;  // by address
    for (std::size_t at = 0; at < slots->size(); ++at) {
        const auto range = (*slots)[at];
        if (range.size() < 3 || range[2].size() < 2) continue;
        masters.try_emplace(
            std::string(range[2][0].text()) + ":" + std::to_string(range[2][1].integer()),
            static_cast<std::uint16_t>(range[0].integer()));
    }
    std::vector<std::string> keys;
    for (const auto& [address, slot] : masters) {
        std::uint32_t number = 0;
        while (slot_of_key(std::to_string(number)) != slot) ++number;
        keys.push_back(std::to_string(number));
    }
    return keys;
}

Command scan(std::string_view cursor, const std::string& key_there) {
    if (key_there.empty()) {
        return Command("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(
            keys_in_a_step);
    }
    return Command("EVAL")
        .arg(scan_script)
        .arg(1)
        .key(key_there)
        .arg(cursor)
        .arg(pattern)
        .arg(keys_in_a_step);
}

/// At the server of that key; empty: the only one.
Result<std::uint64_t> remove_at(BlockingClient& client, const std::string& key_there,
                                std::int64_t before_s) {
    std::uint64_t removed = 0;
    std::string cursor = "0";
    do {
        const auto found = client.call(scan(cursor, key_there).repeatable());
        if (!found) return found.error();
        if (found->size() != 2) return error(Errc::corrupt, "Redis answered SCAN with no cursor");
        cursor = (*found)[0].text();
        std::vector<Command> commands;
        for (std::size_t at = 0; at < (*found)[1].size(); ++at) {
            const std::string_view key = (*found)[1][at].text();
            const std::int64_t second = second_of(key);
            if (second < 0 || second >= before_s) continue;
            commands.push_back(Command("UNLINK").key(key).repeatable());
        }
        for (const auto& reply : client.pipeline(std::move(commands))) {
            if (!reply) return reply.error();
            removed += static_cast<std::uint64_t>(reply->integer());
        }
    } while (cursor != "0");
    return removed;
}

}  // namespace

Result<std::uint64_t> remove_second_keys(BlockingClient& client, std::int64_t before_s) {
    std::vector<std::string> servers{""};
    if (client.config().url.topology == Topology::cluster) {
        auto keys = key_of_each_master(client);
        if (!keys) return keys.error();
        servers = std::move(*keys);
    }
    std::uint64_t removed = 0;
    for (const std::string& key : servers) {
        const auto here = remove_at(client, key, before_s);
        if (!here) return here.error();
        removed += *here;
    }
    return removed;
}

}  // namespace qck::redis
