#include "services/stores/redis/redis_limits.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "services/clicks/stored_ip.hpp"

namespace qck::redis {
namespace {

/// KEYS: instances, secret. ARGV: this node, a secret. Returns how many there are, and the secret.
constexpr std::string_view greet_script = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - 5000))
redis.call('PEXPIRE', KEYS[1], 5000)
local secret = redis.call('GET', KEYS[2])
if not secret then
  secret = ARGV[2]
  redis.call('SET', KEYS[2], secret)
end
return {redis.call('ZCARD', KEYS[1]), secret}
)lua";

/// KEYS: clients. ARGV: what is added to the debt of each, in microseconds. Returns their debts.
constexpr std::string_view add_script = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local debts = {}
for i = 1, #KEYS do
  local due = tonumber(redis.call('GET', KEYS[i]) or '') or 0
  due = math.max(due, now) + tonumber(ARGV[i])
  local left = string.format('%.0f', math.ceil((due - now) / 1000) + 1)
  redis.call('SET', KEYS[i], string.format('%.0f', due), 'PX', left)
  debts[i] = due - now
end
return debts
)lua";

/// Hash tags: clients of one are on one server, and in one script.
constexpr std::size_t groups = 8;
constexpr std::size_t clients_per_script = 128;

std::string hex(std::uint64_t word) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(word));
    return text;
}

std::string random_secret() {
    std::array<std::uint64_t, 2> words{};
    [[maybe_unused]] const auto got = ::getrandom(words.data(), sizeof words, 0);
    return hex(words[0]) + hex(words[1]);
}

/// What clients are called in Redis.
std::uint64_t hashed(std::uint64_t client, const std::string& secret) {
    clicks::IpKey key{};
    std::memcpy(key.data(), secret.data(), std::min(key.size(), secret.size()));
    std::array<std::uint8_t, 8> bytes{};
    std::memcpy(bytes.data(), &client, sizeof client);
    std::uint64_t word = 0;
    std::memcpy(&word, clicks::siphash128(key, bytes).data(), sizeof word);
    return word;
}

}  // namespace

RedisLimits::RedisLimits(BlockingClient& client, std::uint64_t node)
    : client_(client), node_(hex(node)), own_secret_(random_secret()) {}

Result<RedisLimits::Greeting> RedisLimits::greet(const std::string& prefix) {
    auto reply = client_.call(Command("EVAL")
                                  .arg(greet_script)
                                  .arg(2)
                                  .key(prefix + "}:instances")
                                  .key(prefix + "}:secret")
                                  .arg(node_)
                                  .arg(own_secret_)
                                  .repeatable());
    if (!reply) return reply.error();
    if (reply->size() != 2) return error(Errc::unavailable, "Redis gave no count of instances");
    return Greeting{static_cast<std::uint32_t>(std::max<std::int64_t>((*reply)[0].integer(), 1)),
                    std::string((*reply)[1].text())};
}

Result<http_server::SharedLimits::Round> RedisLimits::exchange(
    const std::string& name, const http_server::RateLimit& limit,
    std::span<const http_server::LimitUse> uses) {
    const auto period_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(limit.period).count();
    const std::string prefix = "qck:limit:{" + name + "/" + std::to_string(limit.requests) + "/" +
                               std::to_string(period_ms);
    const auto greeting = greet(prefix);
    if (!greeting) return greeting.error();
    Round round{greeting->instances, std::vector<std::int64_t>(uses.size())};

    std::array<std::vector<std::size_t>, groups> places;
    std::vector<std::uint64_t> names(uses.size());
    for (std::size_t at = 0; at < uses.size(); ++at) {
        names[at] = hashed(uses[at].client, greeting->secret);
        places[names[at] % groups].push_back(at);
    }
    std::vector<Command> commands;
    std::vector<std::span<const std::size_t>> of_command;
    for (std::size_t group = 0; group < groups; ++group) {
        const std::string begin = prefix + "/" + std::to_string(group) + "}:";
        for (std::span<const std::size_t> rest = places[group]; !rest.empty();) {
            const auto part = rest.first(std::min(rest.size(), clients_per_script));
            rest = rest.subspan(part.size());
            Command command("EVAL");
            command.arg(add_script).arg(part.size());
            for (const std::size_t at : part) command.key(begin + hex(names[at]));
            for (const std::size_t at : part) command.arg((uses[at].debt_ns + 999) / 1000);
            commands.push_back(std::move(command));
            of_command.push_back(part);
        }
    }
    const auto replies = client_.pipeline(std::move(commands));
    for (std::size_t n = 0; n < replies.size(); ++n) {
        if (!replies[n]) return replies[n].error();
        for (std::size_t i = 0; i < of_command[n].size() && i < replies[n]->size(); ++i) {
            round.debts_ns[of_command[n][i]] = (*replies[n])[i].integer() * 1000;
        }
    }
    return round;
}

}  // namespace qck::redis
