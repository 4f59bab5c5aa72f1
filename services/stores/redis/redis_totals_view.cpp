#include "services/stores/redis/redis_totals_view.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <utility>

#include "services/stores/redis/link_keys.hpp"
#include "services/stores/redis/redis_total_sink.hpp"

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

/// KEYS: for each link its count and its hash of producers. ARGV: how this node's fields begin,
/// then for each link how many fields follow, and field, total for each. This node has these fields
/// and no others afterwards, and the count is the sum of all.
constexpr std::string_view set_script = R"lua(
local mine = ARGV[1]
local at = 2
for key = 1, #KEYS, 2 do
  local by = KEYS[key + 1]
  local given = {}
  local fields = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, fields do
    given[ARGV[at]] = ARGV[at + 1]
    at = at + 2
  end
  local sum = 0
  local all = redis.call('HGETALL', by)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, #mine) ~= mine then
      sum = sum + (tonumber(all[i + 1]) or 0)
    elseif not given[all[i]] then
      redis.call('HDEL', by, all[i])
    end
  end
  for field, total in pairs(given) do
    redis.call('HSET', by, field, total)
    sum = sum + tonumber(total)
  end
  if sum > 0 then
    redis.call('SET', KEYS[key], string.format('%.0f', sum))
  else
    redis.call('DEL', KEYS[key])
  end
end
return 1
)lua";

constexpr std::size_t links_per_view_script = 64;
constexpr std::size_t links_per_view_round = 4096;

std::string fields_of(std::uint64_t node) {
    char mine[24];
    std::snprintf(mine, sizeof mine, "%016llx.", static_cast<unsigned long long>(node));
    return mine;
}

}  // namespace

RedisTotalsView::RedisTotalsView(BlockingClient& client, std::uint64_t node)
    : client_(client),
      node_(node),
      script_(view_script),
      set_script_(set_script),
      links_per_script_(client.config().url.topology == Topology::cluster ? 1
                                                                          : links_per_view_script) {
}

Result<std::vector<reconcile::LinkCount>> RedisTotalsView::totals(
    std::span<const std::uint64_t> known) {
    std::vector<reconcile::LinkCount> counts;
    counts.reserve(known.size());
    for (std::size_t at = 0; at < known.size(); at += links_per_view_round) {
        const auto part = known.subspan(at, std::min(links_per_view_round, known.size() - at));
        if (auto done = read(part, counts); !done) return done.error();
    }
    return counts;
}

Result<std::vector<Reply>> RedisTotalsView::run(std::size_t links, const MakeCommand& make) {
    const auto command = [&](std::size_t first, bool by_hash) {
        return make(first, std::min(links_per_script_, links - first), by_hash);
    };
    std::vector<Command> commands;
    for (std::size_t at = 0; at < links; at += links_per_script_) {
        commands.push_back(command(at, true));
    }
    auto replies = client_.pipeline(std::move(commands));
    std::vector<Reply> answers;
    for (std::size_t at = 0; at < replies.size(); ++at) {
        if (!replies[at] && replies[at].error().code == Errc::not_found) {
            replies[at] = client_.call(command(at * links_per_script_, false));
        }
        if (!replies[at]) return replies[at].error();
        answers.push_back(std::move(*replies[at]));
    }
    return answers;
}

Result<void> RedisTotalsView::read(std::span<const std::uint64_t> links,
                                   std::vector<reconcile::LinkCount>& counts) {
    const std::string mine = fields_of(node_);
    const auto make = [&](std::size_t first, std::size_t count, bool by_hash) {
        Command call = by_hash ? script_.by_hash(2 * count) : script_.by_source(2 * count);
        for (const std::uint64_t link : links.subspan(first, count)) {
            call.key(clicks_key(link)).key(clicks_by_key(link));
        }
        return std::move(call).arg(std::string_view(mine)).repeatable();
    };
    const auto replies = run(links.size(), make);
    if (!replies) return replies.error();
    std::size_t at = 0;
    for (const Reply& reply : *replies) {
        for (std::size_t i = 0; i < reply.size(); ++i, ++at) {
            const std::string_view text = reply[i].text();
            std::uint64_t clicks = 0;
            std::from_chars(text.data(), text.data() + text.size(), clicks);
            if (clicks > 0) counts.push_back({links[at], clicks});
        }
    }
    return {};
}

Result<bool> RedisTotalsView::set(std::span<const clicks::LinkTotals> links) {
    const std::string mine = fields_of(node_);
    for (std::size_t at = 0; at < links.size(); at += links_per_view_round) {
        const auto part = links.subspan(at, std::min(links_per_view_round, links.size() - at));
        const auto make = [&](std::size_t first, std::size_t count, bool by_hash) {
            const auto some = part.subspan(first, count);
            Command call =
                by_hash ? set_script_.by_hash(2 * count) : set_script_.by_source(2 * count);
            for (const auto& link : some) {
                call.key(clicks_key(link.link_id)).key(clicks_by_key(link.link_id));
            }
            call.arg(std::string_view(mine));
            for (const auto& link : some) {
                call.arg(link.parts.size());
                for (const auto& total : link.parts) {
                    call.arg(producer_field(node_, total)).arg(total.total);
                }
            }
            return std::move(call).repeatable();
        };
        if (const auto done = run(part.size(), make); !done) return done.error();
    }
    return true;
}

}  // namespace qck::redis
