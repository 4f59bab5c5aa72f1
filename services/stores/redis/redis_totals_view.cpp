#include "services/stores/redis/redis_totals_view.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <utility>

#include "services/stores/redis/link_keys.hpp"

namespace qck::redis {
namespace {

/// KEYS: for each link its count and its hash of producers. ARGV: how this node's fields begin.
/// Returns for each link the count as text, without what other producers have.
constexpr std::string_view view_script = R"lua(
local counts = {}
local mine = ARGV[1]
for key = 1, #KEYS, 2 do
  local others = 0
  local all = redis.call('HGETALL', KEYS[key + 1])
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, #mine) ~= mine then others = others + (tonumber(all[i + 1]) or 0) end
  end
  local count = tonumber(redis.call('GET', KEYS[key]) or '') or 0
  counts[#counts + 1] = string.format('%.0f', math.max(count - others, 0))
end
return counts
)lua";

constexpr std::size_t links_per_script_of_a_server = 64;
constexpr std::size_t links_per_round = 4096;

}  // namespace

RedisTotalsView::RedisTotalsView(BlockingClient& client, std::uint64_t node)
    : client_(client),
      node_(node),
      script_(view_script),
      links_per_script_(
          client.config().url.topology == Topology::cluster ? 1 : links_per_script_of_a_server) {}

Result<std::vector<reconcile::LinkCount>> RedisTotalsView::totals(
    std::span<const std::uint64_t> known) {
    std::vector<reconcile::LinkCount> counts;
    counts.reserve(known.size());
    for (std::size_t at = 0; at < known.size(); at += links_per_round) {
        const auto part = known.subspan(at, std::min(links_per_round, known.size() - at));
        if (auto done = read(part, counts); !done) return done.error();
    }
    return counts;
}

Result<void> RedisTotalsView::read(std::span<const std::uint64_t> links,
                                   std::vector<reconcile::LinkCount>& counts) {
    char mine[24];
    std::snprintf(mine, sizeof mine, "%016llx.", static_cast<unsigned long long>(node_));
    const auto command = [&](std::size_t at, bool by_hash) {
        const auto part = links.subspan(at, std::min(links_per_script_, links.size() - at));
        Command call =
            by_hash ? script_.by_hash(2 * part.size()) : script_.by_source(2 * part.size());
        for (const std::uint64_t link : part) call.key(clicks_key(link)).key(clicks_by_key(link));
        return std::move(call).arg(std::string_view(mine)).repeatable();
    };
    std::vector<Command> commands;
    for (std::size_t at = 0; at < links.size(); at += links_per_script_) {
        commands.push_back(command(at, true));
    }
    auto replies = client_.pipeline(std::move(commands));
    std::size_t at = 0;
    for (auto& reply : replies) {
        if (!reply && reply.error().code == Errc::not_found) {
            reply = client_.call(command(at, false));
        }
        if (!reply) return reply.error();
        for (std::size_t i = 0; i < reply->size(); ++i, ++at) {
            const std::string_view text = (*reply)[i].text();
            std::uint64_t clicks = 0;
            std::from_chars(text.data(), text.data() + text.size(), clicks);
            if (clicks > 0) counts.push_back({links[at], clicks});
        }
    }
    return {};
}

}  // namespace qck::redis
