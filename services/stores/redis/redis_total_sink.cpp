#include "services/stores/redis/redis_total_sink.hpp"

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "services/stores/redis/channels.hpp"
#include "services/stores/redis/link_keys.hpp"

namespace qck::redis {
namespace {

/// KEYS: for each link its count, its hash of producers, its key of this second. ARGV: for each
/// link 1 if it was delivered before, how many fields follow, and field, total for each. Returns
/// the places (from 1) of links that were lost, and those of keys in KEYS that were replaced.
/// All is read before anything is written, so what cannot be read for another reason than its type
/// is an error that changed nothing.
constexpr std::string_view count_script = R"lua(
local lost = {}
local replaced = {}
local was = {}  -- by place in KEYS; nil: of another type
for key = 1, #KEYS, 3 do
  was[key] = redis.pcall('GET', KEYS[key])
  was[key + 1] = redis.pcall('HGETALL', KEYS[key + 1])
  for place = key, key + 1 do
    local failure = type(was[place]) == 'table' and was[place].err
    if failure then
      if string.sub(failure, 1, 9) ~= 'WRONGTYPE' then return was[place] end
      was[place] = nil
      replaced[#replaced + 1] = place
    end
  end
end
local at = 1
for key = 1, #KEYS, 3 do
  local by = {}
  local before = 0
  local all = was[key + 1]
  if not all then redis.call('DEL', KEYS[key + 1]) end
  for i = 1, #(all or {}), 2 do
    by[all[i]] = tonumber(all[i + 1]) or 0
    before = before + by[all[i]]
  end
  local delivered, fields = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  local sum = before
  local found = 0
  for _ = 1, fields do
    local field, total = ARGV[at], tonumber(ARGV[at + 1])
    local old = by[field]
    if old then found = found + 1 end
    if not old or old < total then
      redis.call('HSET', KEYS[key + 1], field, ARGV[at + 1])
      sum = sum + total - (old or 0)
    end
    at = at + 2
  end
  if not all or (delivered == '1' and found == 0 and fields > 0) then
    lost[#lost + 1] = (key + 2) / 3
  end
  if was[key] == nil then redis.call('DEL', KEYS[key]) end
  local count = tonumber(was[key] or '') or 0
  if sum > count then
    redis.call('SET', KEYS[key], string.format('%.0f', sum))
    local new = sum - math.max(count, before)
    if new > 0 then
      local added = redis.pcall('INCRBY', KEYS[key + 2], string.format('%.0f', new))
      if type(added) == 'table' then
        redis.call('SET', KEYS[key + 2], string.format('%.0f', new))
        replaced[#replaced + 1] = key + 2
      end
      redis.call('EXPIRE', KEYS[key + 2], 60)
    end
  end
end
return {lost, replaced}
)lua";

/// KEYS[1]: the key of the run; ARGV[1]: its value if there is none. Returns value and process.
constexpr std::string_view run_script = R"lua(
local run = redis.pcall('GET', KEYS[1])
if type(run) ~= 'string' then
  run = ARGV[1]
  redis.call('SET', KEYS[1], run)
end
local info = redis.pcall('INFO', 'server')
local process = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or '-'
return run .. '/' .. process
)lua";

/// A script blocks the server: so few links that it is for about a millisecond.
constexpr std::size_t links_per_script_of_a_server = 64;
/// Sent before the first answer is waited for: some 20 ms of a server's time, far below any
/// timeout.
constexpr std::size_t links_per_round = 2048;
constexpr std::size_t ids_per_message = 500;

std::string random_hex() {
    std::random_device device;
    char text[24];
    std::snprintf(text, sizeof text, "%08x%08x", device(), device());
    return text;
}

Command with_links(Command command, std::uint64_t node, std::int64_t second,
                   std::span<const clicks::LinkTotals> links) {
    for (const auto& link : links) {
        command.key(clicks_key(link.link_id))
            .key(clicks_by_key(link.link_id))
            .key(clicks_second_key(link.link_id, second));
    }
    for (const auto& link : links) {
        command.arg(link.delivered_before ? "1" : "0").arg(link.parts.size());
        for (const auto& part : link.parts) command.arg(producer_field(node, part)).arg(part.total);
    }
    // Totals are absolute: giving them twice changes nothing.
    command.repeatable();
    return command;
}

}  // namespace

std::string producer_field(std::uint64_t node, const clicks::LinkTotals::Part& part) {
    char text[48];
    std::snprintf(text, sizeof text, "%016llx.%u.", static_cast<unsigned long long>(node),
                  unsigned{part.shard});
    return text +
           std::string(clicks::click_class_names[static_cast<std::size_t>(part.click_class)]);
}

RedisTotalSink::RedisTotalSink(BlockingClient& client, WallSeconds now)
    : client_(client),
      now_(now ? std::move(now) : [] { return wall_ns() / 1'000'000'000; }),
      script_(count_script),
      run_script_(run_script),
      links_per_script_(
          client.config().url.topology == Topology::cluster ? 1 : links_per_script_of_a_server) {}

Result<clicks::Taken> RedisTotalSink::deliver(std::uint64_t node,
                                              std::span<const clicks::LinkTotals> links) {
    clicks::Taken taken;
    Result<void> outcome;
    for (std::size_t at = 0; at < links.size(); at += links_per_round) {
        const auto part = links.subspan(at, std::min(links_per_round, links.size() - at));
        const std::size_t before = taken.untaken.size();
        if (auto counted = count(node, part, taken); !counted) outcome = counted;
        if (taken.untaken.size() - before < part.size()) continue;
        // Nothing of it is in reach: what is left would only wait for as long again.
        for (const auto& link : links.subspan(at + part.size())) {
            taken.untaken.push_back(link.link_id);
        }
        break;
    }
    // Also when it fails half-way: what was found lost is there again, so nobody would notice.
    unpublished_.insert(unpublished_.end(), taken.lost.begin(), taken.lost.end());
    if (!outcome && taken.untaken.size() >= links.size()) return outcome.error();
    if (auto published = publish_lost(); !published) return published.error();
    if (!outcome) taken.why = outcome.error().message;
    return taken;
}

Result<void> RedisTotalSink::count(std::uint64_t node, std::span<const clicks::LinkTotals> links,
                                   clicks::Taken& taken) {
    const std::int64_t second = now_();
    const auto links_of = [&](std::size_t chunk) {
        const std::size_t at = chunk * links_per_script_;
        return links.subspan(at, std::min(links_per_script_, links.size() - at));
    };
    const std::size_t chunks = (links.size() + links_per_script_ - 1) / links_per_script_;
    std::vector<Command> commands;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const auto part = links_of(chunk);
        commands.push_back(with_links(script_.by_hash(part.size() * 3), node, second, part));
    }
    auto replies = client_.pipeline(std::move(commands));

    std::vector<std::size_t> unknown;  // to servers that have not seen the script
    commands.clear();
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        if (replies[chunk] || replies[chunk].error().code != Errc::not_found) continue;
        const auto part = links_of(chunk);
        unknown.push_back(chunk);
        commands.push_back(with_links(script_.by_source(part.size() * 3), node, second, part));
    }
    auto second_replies = client_.pipeline(std::move(commands));
    for (std::size_t i = 0; i < unknown.size(); ++i) {
        replies[unknown[i]] = std::move(second_replies[i]);
    }

    Result<void> outcome;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const auto part = links_of(chunk);
        if (replies[chunk]) {
            note_reply(*replies[chunk], part, taken);
            continue;
        }
        outcome = replies[chunk].error();
        for (const auto& link : part) taken.untaken.push_back(link.link_id);
    }
    return outcome;
}

void RedisTotalSink::note_reply(const Reply& reply, std::span<const clicks::LinkTotals> links,
                                clicks::Taken& taken) {
    const auto lost = reply[0];
    for (std::size_t i = 0; i < lost.size(); ++i) {
        const auto place = static_cast<std::size_t>(lost[i].integer());
        if (place >= 1 && place <= links.size()) taken.lost.push_back(links[place - 1].link_id);
    }
    const auto replaced = reply[1];
    if (replaced.size() == 0 || std::exchange(told_of_replaced_, true)) return;
    const auto key = static_cast<std::size_t>(std::max<std::int64_t>(replaced[0].integer(), 1) - 1);
    log::warn("redis_key_replaced",
              {{"link", links[std::min(key / 3, links.size() - 1)].link_id},
               {"keys", replaced.size()},
               {"why", "it was of another type: somebody else writes to keys of qck"}});
}

Result<std::string> RedisTotalSink::incarnation() {
    std::vector<std::string> keys;
    if (client_.config().url.topology == Topology::cluster) {
        for (const std::uint16_t slot : client_.slot_of_each_master())
            keys.push_back(run_key(slot));
        if (keys.empty()) return error(Errc::unavailable, "the slots of the cluster are unknown");
    } else {
        keys.emplace_back(run_key());
    }
    const std::string fresh = random_hex();
    std::vector<Command> commands;
    for (const auto& key : keys) {
        commands.push_back(run_script_.by_source(1).key(key).arg(fresh).repeatable());
    }
    std::string incarnation;
    auto replies = client_.pipeline(std::move(commands));
    for (std::size_t at = 0; at < keys.size(); ++at) {
        if (!replies[at]) return replies[at].error();
        if (!incarnation.empty()) incarnation += ' ';
        incarnation += keys[at] + "=" + std::string(replies[at]->text());
    }
    return incarnation;
}

Result<void> RedisTotalSink::publish_lost() {
    const std::string channel = heal_channel(client_.config().url.db);
    while (!unpublished_.empty()) {
        const std::size_t count = std::min(unpublished_.size(), ids_per_message);
        std::string message;
        for (std::size_t i = unpublished_.size() - count; i < unpublished_.size(); ++i) {
            message += (message.empty() ? "" : " ") + std::to_string(unpublished_[i]);
        }
        auto published = client_.call(Command("PUBLISH").arg(channel).arg(message).repeatable());
        if (!published) return published.error();
        unpublished_.resize(unpublished_.size() - count);
    }
    return {};
}

}  // namespace qck::redis
