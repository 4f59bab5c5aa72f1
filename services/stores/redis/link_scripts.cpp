#include "services/stores/redis/link_scripts.hpp"

#include "base/clock.hpp"
#include "services/stores/redis/channels.hpp"
#include "services/stores/redis/link_value.hpp"

namespace qck::redis {
namespace {

/// Versions are decimal without leading zeros: the longer one is larger, so that they are exact
/// beyond the 53 bits of a Lua number.
constexpr std::string_view fill_script = R"lua(
local old = redis.call('GET', KEYS[1])
if old then
  local version = string.match(old, '^%d+') or '0'
  if ARGV[1] == '0' or #version > #ARGV[1] or (#version == #ARGV[1] and version > ARGV[1]) then
    return 0
  end
end
if redis.call('PTTL', KEYS[1]) == -1 and string.match(ARGV[2], '^%d+ L ') then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
)lua";

constexpr std::string_view change_script = R"lua(
local old = redis.call('GET', KEYS[1])
if old then
  local version = string.match(old, '^%d+') or '0'
  if #version > #ARGV[1] or (#version == #ARGV[1] and version > ARGV[1]) then return 0 end
elseif ARGV[5] == '1' then
  return 0
end
if redis.call('PTTL', KEYS[1]) == -1 and string.match(ARGV[2], '^%d+ L ') then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[6])
return 1
)lua";

/// A DEL would forget the version too, and let in an older value that is on its way: what stays for
/// a while is the version alone.
constexpr std::string_view evict_script = R"lua(
local old = redis.call('GET', KEYS[1])
if old then
  local mark = (string.match(old, '^%d+') or '0') .. ' E'
  if redis.call('PTTL', KEYS[1]) == -1 then
    redis.call('SET', KEYS[1], mark)
  else
    redis.call('SET', KEYS[1], mark, 'PX', ARGV[1])
  end
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return old and 1 or 0
)lua";

constexpr std::string_view pin_script = R"lua(
local old = redis.call('GET', KEYS[1])
local version = old and string.match(old, '^%d+') or '0'
if #version > #ARGV[1] or (#version == #ARGV[1] and version > ARGV[1]) then
  if string.match(old, '^%d+ L ') then redis.call('PERSIST', KEYS[1]) end
else
  redis.call('SET', KEYS[1], ARGV[2])
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
)lua";

constexpr std::string_view unpin_script = R"lua(
if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
)lua";

constexpr std::string_view renew_script = R"lua(
local old = redis.call('GET', KEYS[1])
if not old or not string.match(old, '^%d+ L ') then return 0 end
if redis.call('PTTL', KEYS[1]) ~= -1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
)lua";

/// Runs on the key of one link. Sent by its source and not by its hash: nobody waits for a fill,
/// who could send it again when a server does not know it.
Command on_link(std::string_view script, std::string_view code) {
    return Command("EVAL").arg(script).arg(1).key(link_key(code));
}

/// What every script that an operator ordered ends with: the channel, and what is told there.
Command told(Command command, LinkOrder order, std::string_view code, std::uint32_t db) {
    std::string message{static_cast<char>(order), ' '};
    message.append(code);
    return std::move(command).arg(invalidation_channel(db)).arg(message).repeatable();
}

std::string value_text(const cache::Known& known, std::chrono::nanoseconds fetch_time,
                       std::chrono::milliseconds ttl) {
    LinkValue value;
    value.known = known;
    value.stored_at_ms = wall_ms();
    value.fetch_time = std::chrono::duration_cast<std::chrono::microseconds>(fetch_time);
    value.ttl = ttl;
    return encode_link_value(value);
}

}  // namespace

std::string link_key(std::string_view code) {
    return std::string("link:{").append(code).append("}");
}

Command fill_command(std::string_view code, const cache::Known& known,
                     std::chrono::nanoseconds fetch_time, std::chrono::milliseconds ttl) {
    return on_link(fill_script, code)
        .arg(version_of(known))
        .arg(value_text(known, fetch_time, ttl))
        .arg(ttl.count())
        .repeatable();
}

Command change_command(std::string_view code, const cache::Known& known,
                       std::chrono::milliseconds ttl, bool only_if_known, std::uint32_t db) {
    const std::string value = value_text(known, std::chrono::nanoseconds(0), ttl);
    return on_link(change_script, code)
        .arg(version_of(known))
        .arg(value)
        .arg(ttl.count())
        .arg(invalidation_channel(db))
        .arg(only_if_known ? "1" : "0")
        .arg("c " + std::string(code) + " " + value)
        .repeatable();
}

Command evict_command(std::string_view code, std::chrono::milliseconds mark_ttl, std::uint32_t db) {
    return told(on_link(evict_script, code).arg(mark_ttl.count()), LinkOrder::evict, code, db);
}

Command pin_command(const links::Link& link, std::chrono::milliseconds ttl, std::uint32_t db) {
    const cache::Known known{link, 0};
    return told(on_link(pin_script, link.code)
                    .arg(version_of(known))
                    .arg(value_text(known, std::chrono::nanoseconds(0), ttl)),
                LinkOrder::pin, link.code, db);
}

Command unpin_command(std::string_view code, std::chrono::milliseconds ttl, std::uint32_t db) {
    return told(on_link(unpin_script, code).arg(ttl.count()), LinkOrder::unpin, code, db);
}

Command renew_command(std::string_view code, std::chrono::milliseconds ttl) {
    return on_link(renew_script, code).arg(ttl.count()).repeatable();
}

bool is_eviction_mark(std::string_view value) { return value.ends_with(" E"); }

}  // namespace qck::redis
