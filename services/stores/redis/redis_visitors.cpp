#include "services/stores/redis/redis_visitors.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/clicks/stored_ip.hpp"
#include "services/stores/redis/link_keys.hpp"

namespace qck::redis {
namespace {

/// The same in every instance, so without a secret.
std::uint64_t hash_of(std::span<const std::uint8_t> bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, clicks::siphash128(clicks::IpKey{}, bytes).data(), sizeof word);
    return word;
}

std::uint64_t visitor_of(const clicks::StoredIp& ip, std::uint64_t agent) {
    std::array<std::uint8_t, 25> bytes{};
    std::copy(ip.bytes.begin(), ip.bytes.end(), bytes.begin());
    std::memcpy(bytes.data() + 16, &agent, sizeof agent);
    bytes[24] = ip.kind;
    return hash_of(bytes);
}

}  // namespace

Result<void> RedisVisitors::send(const clicks::EventBatch& batch) {
    std::vector<std::uint64_t> agents;
    agents.reserve(batch.agents.size());
    for (const auto& agent : batch.agents) {
        agents.push_back(
            hash_of({reinterpret_cast<const std::uint8_t*>(agent.text.data()), agent.text.size()}));
    }
    // Link, day, visitor: a burst is mostly of the same ones again.
    std::vector<std::tuple<std::uint64_t, std::uint32_t, std::uint64_t>> seen;
    seen.reserve(batch.rows.size());
    std::int64_t day_begin_ms = 0;
    std::uint32_t day = 0;
    for (const auto& row : batch.rows) {
        if (row.link_id == 0 || row.ip.kind == 0) continue;
        if (day == 0 || row.time_ms < day_begin_ms || row.time_ms >= day_begin_ms + 86'400'000) {
            day = analytics::day_of(row.time_ms);
            day_begin_ms = row.time_ms - row.time_ms % 86'400'000;
        }
        seen.emplace_back(row.link_id, day,
                          visitor_of(row.ip, row.agent < agents.size() ? agents[row.agent] : 0));
    }
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    std::vector<Visit> visits;
    visits.reserve(seen.size());
    for (const auto& [link_id, on, visitor] : seen) {
        visits.push_back({link_id, on, {reinterpret_cast<const char*>(&visitor), sizeof visitor}});
    }
    return uniques_.add(visits);
}

Result<analytics::Visitors> RedisVisitors::visitors(std::uint64_t link_id,
                                                    const std::vector<std::uint32_t>& days) {
    std::vector<Command> commands;
    Command all("PFCOUNT");
    for (const std::uint32_t day : days) {
        all.key(uniques_key(link_id, day));
        commands.push_back(Command("PFCOUNT").key(uniques_key(link_id, day)).repeatable());
    }
    if (commands.empty()) return analytics::Visitors{};
    commands.push_back(std::move(all.repeatable()));
    const auto replies = client_.pipeline(std::move(commands));
    analytics::Visitors visitors;
    visitors.standard_error = 0.0081;
    visitors.of = "redis";
    for (std::size_t at = 0; at < replies.size(); ++at) {
        if (!replies[at]) return replies[at].error();
        const auto count = static_cast<std::uint64_t>(replies[at]->integer());
        if (at == days.size()) {
            visitors.visitors = count;
        } else if (count > 0) {
            visitors.days.push_back({days[at], count});
        }
    }
    return visitors;
}

}  // namespace qck::redis
