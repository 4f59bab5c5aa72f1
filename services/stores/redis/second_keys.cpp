#include "services/stores/redis/second_keys.hpp"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/stores/redis/protocol/key_slot.hpp"

namespace qck::redis {
namespace {

constexpr std::string_view pattern = "clicks:{*}:[0-9]*";
constexpr int keys_in_a_step = 1'000;
/// A script is how a cluster client reaches the node of a slot: SCAN has no key. Cursors are of one
/// process alone, which says who it is.
constexpr std::string_view scan_script = R"lua(
local info = redis.pcall('INFO', 'server')
local process = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or '-'
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
return {found[1], found[2], process}
)lua";
/// A slot that moves, or a failover, sends the script to another process.
constexpr int beginnings_max = 20;

/// The second in such a key; negative when it is another key.
std::int64_t second_of(std::string_view key) {
    const auto colon = key.rfind(':');
    if (!key.starts_with("clicks:{") || colon == 0 || key[colon - 1] != '}') return -1;
    std::int64_t second = -1;
    const char* const end = key.data() + key.size();
    const auto [at, failure] = std::from_chars(key.data() + colon + 1, end, second);
    return failure == std::errc() && at == end ? second : -1;
}

Command scan(std::string_view cursor, const std::string& key_there) {
    Command command("EVAL");
    command.arg(scan_script);
    if (key_there.empty()) {
        command.arg(0);
    } else {
        command.arg(1).key(key_there);
    }
    return std::move(command).arg(cursor).arg(pattern).arg(keys_in_a_step).repeatable();
}

/// At the server of that key; empty: the only one.
Result<std::uint64_t> remove_at(BlockingClient& client, const std::string& key_there,
                                std::int64_t before_s) {
    std::uint64_t removed = 0;
    std::string cursor = "0";
    std::string process;
    int beginnings = 0;
    bool again = true;
    while (again) {
        const auto found = client.call(scan(cursor, key_there));
        if (!found) return found.error();
        if (found->size() != 3) return error(Errc::corrupt, "Redis answered SCAN with no cursor");
        cursor = (*found)[0].text();
        again = cursor != "0";
        if (process != (*found)[2].text()) {
            process = (*found)[2].text();
            if (++beginnings > beginnings_max) {
                return error(Errc::unavailable,
                             "the nodes of Redis change too often to be cleaned; try again");
            }
            // The place was another process's.
            if (beginnings > 1) {
                cursor = "0";
                again = true;
            }
        }
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
    }
    return removed;
}

}  // namespace

Result<std::uint64_t> remove_second_keys(BlockingClient& client, std::int64_t before_s) {
    std::vector<std::string> servers{""};
    if (client.config().url.topology == Topology::cluster) {
        servers.clear();
        for (const std::uint16_t slot : client.slot_of_each_master()) {
            servers.push_back(std::to_string(tag_of_slot(slot)));
        }
        if (servers.empty()) {
            return error(Errc::unavailable, "the slots of the cluster are not known yet");
        }
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
