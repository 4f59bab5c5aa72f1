#include "services/stores/redis/redis_link_cache.hpp"

#include <cmath>
#include <utility>

#include "base/clock.hpp"
#include "services/stores/redis/link_scripts.hpp"
#include "services/stores/redis/link_value.hpp"

namespace qck::redis {

void RedisLinkCache::find(const std::string& code, Found found) {
    Command command = Command("GET").key(link_key(code)).repeatable();
    client_.send(std::move(command), [this, code, found = std::move(found)](Result<Reply> reply) {
        if (!reply) return found(reply.error());
        if (reply->is_nil() || is_eviction_mark(reply->text()))
            return found(std::optional<Entry>());
        auto value = decode_link_value(reply->text(), code);
        if (!value) return found(value.error());
        Entry entry;
        // A code that was never seen is cheap to ask for again: only links are refreshed.
        entry.refresh_early =
            value->known.link && refresh_early(value->stored_at_ms, value->fetch_time, value->ttl);
        entry.known = std::move(value->known);
        found(std::optional(std::move(entry)));
    });
}

void RedisLinkCache::fill(const std::string& code, const cache::Known& known,
                          std::chrono::nanoseconds fetch_time) {
    const auto ttl =
        known.link || known.absent_version != 0 ? config_.link_ttl : config_.absent_ttl;
    client_.send(fill_command(code, known, fetch_time, ttl), nullptr);
}

/// XFetch with beta 1: fetch_time * -ln(random) before it expires.
bool RedisLinkCache::refresh_early(std::int64_t stored_at_ms, std::chrono::microseconds fetch_time,
                                   std::chrono::milliseconds ttl) {
    // In (0, 1]: its logarithm is finite.
    const double uniform = 1 - random_.next_share();
    const double before_ms = static_cast<double>(fetch_time.count()) / 1000 * -std::log(uniform);
    return static_cast<double>(wall_ms()) + before_ms >=
           static_cast<double>(stored_at_ms + ttl.count());
}

}  // namespace qck::redis
