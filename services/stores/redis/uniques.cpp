#include "services/stores/redis/uniques.hpp"

#include <map>
#include <string>
#include <utility>

#include "services/stores/redis/link_keys.hpp"

namespace qck::redis {

Result<void> Uniques::add(std::span<const Visit> visits) {
    std::map<std::string, Command> adds;
    for (const Visit& visit : visits) {
        const std::string key = uniques_key(visit.link_id, visit.yyyymmdd);
        auto [found, is_new] = adds.try_emplace(key, Command("PFADD"));
        if (is_new) found->second.key(key).repeatable();
        found->second.arg(visit.visitor);
    }
    std::vector<Command> commands;
    for (auto& [key, add] : adds) {
        commands.push_back(std::move(add));
        commands.push_back(Command("EXPIRE").key(key).arg(keep_.count()).repeatable());
    }
    for (auto& reply : client_.pipeline(std::move(commands))) {
        if (!reply) return reply.error();
    }
    return {};
}

Result<std::uint64_t> Uniques::count(std::uint64_t link_id, std::span<const std::uint32_t> days) {
    if (days.empty()) return std::uint64_t{0};
    Command command("PFCOUNT");
    for (const std::uint32_t day : days) command.key(uniques_key(link_id, day));
    // Not from a replica: PFCOUNT of several keys works there, too, but may be behind.
    auto reply = client_.call(std::move(command.repeatable()));
    if (!reply) return reply.error();
    return static_cast<std::uint64_t>(reply->integer());
}

}  // namespace qck::redis
