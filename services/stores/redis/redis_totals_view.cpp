#include "services/stores/redis/redis_totals_view.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <future>
#include <numeric>
#include <string>
#include <utility>

#include "services/stores/redis/link_keys.hpp"
#include "services/stores/redis/redis_total_sink.hpp"

namespace qck::redis {
namespace {

/// KEYS: for each link its count and its hash of producers. ARGV: how this node's fields begin.
/// Returns for each link the count as text, without what other producers have. Keys of another type
/// are as none; any other failure is an error.
constexpr std::string_view view_script = R"lua(
local counts = {}
local mine = ARGV[1]
local function read(command, key)
  local got = redis.pcall(command, key)
  local failure = type(got) == 'table' and got.err
  if not failure then return got end
  if string.sub(failure, 1, 9) == 'WRONGTYPE' then return {} end
  return nil, got
end
for key = 1, #KEYS, 2 do
  local others = 0
  local all, failure = read('HGETALL', KEYS[key + 1])
  if failure then return failure end
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, #mine) ~= mine then others = others + (tonumber(all[i + 1]) or 0) end
  end
  local text, no_text = read('GET', KEYS[key])
  if no_text then return no_text end
  local count = type(text) == 'string' and tonumber(text) or 0
  counts[#counts + 1] = string.format('%.0f', math.max(count - others, 0))
end
return counts
)lua";

/// KEYS: for each link its count and its hash of producers. ARGV: how this node's fields begin,
/// then for each link how many fields follow, and field, total for each. This node has these fields
/// and no others afterwards, and the count is the sum of all. A key of another type is replaced.
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
  local all = redis.pcall('HGETALL', by)
  if all.err then
    if string.sub(all.err, 1, 9) ~= 'WRONGTYPE' then return all end
    redis.call('DEL', by)
    all = {}
  end
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

/// A script blocks the server: so few links that it is for about a millisecond.
constexpr std::size_t links_per_view_script = 64;
/// What is sent before an answer is waited for; two rounds are under way at a time.
constexpr std::size_t links_per_view_round = 4096;
constexpr std::size_t scripts_per_view_round = 1024;

std::string fields_of(std::uint64_t node) {
    char mine[24];
    std::snprintf(mine, sizeof mine, "%016llx.", static_cast<unsigned long long>(node));
    return mine;
}

}  // namespace

/// Which of the links that are asked for go together.
class RedisTotalsView::Scripts {
public:
    /// `id_of(place)`: the link at that place of `count`.
    template <class IdOf>
    Scripts(std::size_t count, bool in_cluster, IdOf&& id_of) : places_(count) {
        std::iota(places_.begin(), places_.end(), 0U);
        std::vector<std::uint16_t> turns(in_cluster ? count : 0);
        for (std::size_t place = 0; place < turns.size(); ++place) {
            // Neighbouring slots are of the same server mostly: all servers are to be busy.
            turns[place] = slot_of_key(std::to_string(id_of(place))) * 6073U % slot_count;
        }
        if (in_cluster) {
            std::stable_sort(places_.begin(), places_.end(),
                             [&](auto a, auto b) { return turns[a] < turns[b]; });
        }
        for (std::size_t at = 0, begin = 0; at < count; ++at) {
            const bool full = at + 1 - begin == links_per_view_script;
            const bool last = at + 1 == count;
            if (!full && !last && (!in_cluster || turns[places_[at]] == turns[places_[at + 1]])) {
                continue;
            }
            scripts_.emplace_back(places_.data() + begin, at + 1 - begin);
            begin = at + 1;
        }
    }

    /// The scripts of a round, from the first one that had no turn.
    std::span<const Places> round() {
        std::size_t links = 0;
        const std::size_t begin = next_;
        while (next_ < scripts_.size() && next_ - begin < scripts_per_view_round &&
               links < links_per_view_round) {
            links += scripts_[next_++].size();
        }
        return std::span(scripts_).subspan(begin, next_ - begin);
    }

private:
    std::vector<std::uint32_t> places_;
    std::vector<Places> scripts_;
    std::size_t next_ = 0;
};

RedisTotalsView::RedisTotalsView(BlockingClient& client, std::uint64_t node)
    : client_(client),
      node_(node),
      script_(view_script),
      set_script_(set_script),
      in_cluster_(client.config().url.topology == Topology::cluster) {}

Result<std::vector<reconcile::LinkCount>> RedisTotalsView::totals(
    std::span<const std::uint64_t> known) {
    std::vector<std::uint64_t> clicks(known.size());
    Scripts scripts(known.size(), in_cluster_, [&](std::size_t place) { return known[place]; });
    // While the server works on one round, the next is made and sent.
    std::future<Result<void>> ahead;
    while (true) {
        const auto round = scripts.round();
        std::future<Result<void>> next;
        if (!round.empty()) {
            next = std::async(std::launch::async,
                              [this, round, known, &clicks] { return read(round, known, clicks); });
        }
        if (ahead.valid()) {
            if (auto done = ahead.get(); !done) return done.error();
        }
        if (!next.valid()) break;
        ahead = std::move(next);
    }
    std::vector<reconcile::LinkCount> counts;
    counts.reserve(known.size());
    for (std::size_t place = 0; place < known.size(); ++place) {
        if (clicks[place] > 0) counts.push_back({known[place], clicks[place]});
    }
    return counts;
}

Result<std::vector<Reply>> RedisTotalsView::run(std::span<const Places> scripts,
                                                const MakeCommand& make) {
    std::vector<Command> commands;
    commands.reserve(scripts.size());
    for (const Places& links : scripts) commands.push_back(make(links, true));
    auto replies = client_.pipeline(std::move(commands));
    std::vector<Reply> answers;
    answers.reserve(scripts.size());
    for (std::size_t at = 0; at < replies.size(); ++at) {
        if (!replies[at] && replies[at].error().code == Errc::not_found) {
            replies[at] = client_.call(make(scripts[at], false));
        }
        if (!replies[at]) return replies[at].error();
        answers.push_back(std::move(*replies[at]));
    }
    return answers;
}

Result<void> RedisTotalsView::read(std::span<const Places> scripts,
                                   std::span<const std::uint64_t> known,
                                   std::vector<std::uint64_t>& clicks) {
    const std::string mine = fields_of(node_);
    const auto make = [&](Places links, bool by_hash) {
        Command call =
            by_hash ? script_.by_hash(2 * links.size()) : script_.by_source(2 * links.size());
        for (const std::uint32_t place : links) {
            call.key(clicks_key(known[place])).key(clicks_by_key(known[place]));
        }
        return std::move(call).arg(std::string_view(mine)).repeatable();
    };
    const auto replies = run(scripts, make);
    if (!replies) return replies.error();
    for (std::size_t script = 0; script < scripts.size(); ++script) {
        const Reply& reply = (*replies)[script];
        if (reply.size() != scripts[script].size()) {
            return error(Errc::corrupt, "Redis answered with other counts than it was asked for");
        }
        for (std::size_t i = 0; i < reply.size(); ++i) {
            const std::string_view text = reply[i].text();
            std::from_chars(text.data(), text.data() + text.size(), clicks[scripts[script][i]]);
        }
    }
    return {};
}

Result<bool> RedisTotalsView::set(std::span<const clicks::LinkTotals> links) {
    const std::string mine = fields_of(node_);
    const auto make = [&](Places places, bool by_hash) {
        Command call = by_hash ? set_script_.by_hash(2 * places.size())
                               : set_script_.by_source(2 * places.size());
        for (const std::uint32_t place : places) {
            call.key(clicks_key(links[place].link_id)).key(clicks_by_key(links[place].link_id));
        }
        call.arg(std::string_view(mine));
        for (const std::uint32_t place : places) {
            call.arg(links[place].parts.size());
            for (const auto& total : links[place].parts) {
                call.arg(producer_field(node_, total)).arg(total.total);
            }
        }
        return std::move(call).repeatable();
    };
    Scripts scripts(links.size(), in_cluster_,
                    [&](std::size_t place) { return links[place].link_id; });
    for (auto round = scripts.round(); !round.empty(); round = scripts.round()) {
        if (const auto done = run(round, make); !done) return done.error();
    }
    return true;
}

}  // namespace qck::redis
