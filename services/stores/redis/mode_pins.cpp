#include "services/stores/redis/mode_pins.hpp"

#include <charconv>
#include <string_view>
#include <utility>

#include "base/log.hpp"

namespace qck::redis {
namespace {

constexpr std::string_view revision_field = "revision";

/// KEYS[1]: the hash. ARGV: the caller's revision; a field and its value, or without a value the
/// field to remove, or without a field nothing; then all fields and values of that revision.
constexpr std::string_view write_script = R"lua(
local now = tonumber(redis.call('HGET', KEYS[1], 'revision') or '') or 0
local known = tonumber(ARGV[1])
if now < known then
  redis.call('DEL', KEYS[1])
  for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  now = known
end
if ARGV[2] ~= '' then
  if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[2])
  else
    redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  end
  now = now + 1
end
redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', now))
return 1
)lua";

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    return failure == std::errc() && end == text.data() + text.size() ? number : 0;
}

}  // namespace

ModePins::ModePins(net::Reactor& reactor, Client& client, Changed changed)
    : reactor_(reactor),
      client_(client),
      changed_(std::move(changed)),
      self_(std::make_shared<ModePins*>(this)) {
    reactor_.post([self = std::weak_ptr(self_)] {
        if (const auto pins = self.lock()) (*pins)->look();
    });
    timer_ = reactor_.every(every, [this] { look(); });
}

ModePins::~ModePins() { reactor_.cancel(timer_); }

Command ModePins::write_command(const std::string& field, const std::string& value) const {
    Command command("EVAL");
    command.arg(write_script).arg(1).key(key).arg(revision_).arg(std::string_view(field));
    command.arg(std::string_view(value));
    for (const auto& [link_id, pin] : pins_) command.arg(link_id).arg(std::string_view(pin));
    command.repeatable();
    return command;
}

void ModePins::set(std::uint64_t link_id, const std::string& code, const std::string& mode,
                   Done done) {
    const std::string value = mode.empty() ? std::string() : mode + " " + code;
    client_.send(write_command(std::to_string(link_id), value),
                 [self = std::weak_ptr(self_), done = std::move(done)](const Result<Reply>& reply) {
                     done(reply ? Result<void>() : Result<void>(reply.error()));
                     const auto pins = self.lock();
                     if (pins && reply) (*pins)->look();
                 });
}

void ModePins::look() {
    client_.send(Command("HGETALL").key(key).repeatable(),
                 [self = std::weak_ptr(self_)](const Result<Reply>& reply) {
                     const auto pins = self.lock();
                     if (pins && reply) (*pins)->read(*reply);
                 });
}

void ModePins::read(const Reply& reply) {
    std::uint64_t revision = 0;
    std::map<std::uint64_t, std::string> pins;
    for (std::size_t at = 0; at + 1 < reply.size(); at += 2) {
        const std::string_view field = reply[at].text();
        if (field == revision_field) {
            revision = number_in(reply[at + 1].text());
        } else if (const std::uint64_t link_id = number_in(field); link_id != 0) {
            pins[link_id] = reply[at + 1].text();
        }
    }
    if (revision < revision_) {
        log::warn("mode_pins_lost", {{"effect", "they are written to Redis again"}});
        client_.send(write_command("", ""), nullptr);
        return;
    }
    revision_ = revision;
    const auto before = std::exchange(pins_, std::move(pins));
    for (const auto& [link_id, pin] : before) {
        if (pins_.count(link_id) == 0) changed_(link_id, pin.substr(pin.find(' ') + 1), "");
    }
    for (const auto& [link_id, pin] : pins_) {
        const auto old = before.find(link_id);
        if (old != before.end() && old->second == pin) continue;
        const auto space = std::min(pin.find(' '), pin.size());
        changed_(link_id, pin.substr(std::min(space + 1, pin.size())), pin.substr(0, space));
    }
}

}  // namespace qck::redis
