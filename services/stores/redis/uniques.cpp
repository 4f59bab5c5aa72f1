#include "services/stores/redis/uniques.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "services/stores/redis/link_keys.hpp"

namespace qck::redis {
namespace {

/// About a millisecond of a server's time.
constexpr std::size_t visitors_per_command = 4096;
/// Sent before the first answer is waited for.
constexpr std::size_t commands_per_round = 512;

}  // namespace

Result<void> Uniques::add(std::span<const Visit> visits) {
    using Day = std::pair<std::uint64_t, std::uint32_t>;
    std::map<Day, std::vector<std::string_view>> days;
    for (const Visit& visit : visits) {
        days[{visit.link_id, visit.yyyymmdd}].push_back(visit.visitor);
    }
    std::vector<Command> commands;
    for (const auto& [day, visitors] : days) {
        const std::string key = uniques_key(day.first, day.second);
        for (std::size_t at = 0; at < visitors.size();) {
            Command add("PFADD");
            add.key(key);
            const std::size_t end = std::min(visitors.size(), at + visitors_per_command);
            for (; at < end; ++at) add.arg(visitors[at]);
            commands.push_back(std::move(add.repeatable()));
        }
        commands.push_back(Command("EXPIRE").key(key).arg(keep_.count()).repeatable());
        if (commands.size() < commands_per_round) continue;
        if (auto sent = send(std::exchange(commands, {})); !sent) return sent;
    }
    return send(std::move(commands));
}

Result<void> Uniques::send(std::vector<Command> commands) {
    for (auto& reply : client_.pipeline(std::move(commands))) {
        if (!reply) return reply.error();
    }
    return {};
}

}  // namespace qck::redis
