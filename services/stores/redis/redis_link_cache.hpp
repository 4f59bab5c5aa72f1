#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/random.hpp"
#include "services/cache/shared_link_cache.hpp"
#include "services/stores/redis/client.hpp"

namespace qck::redis {

struct LinkCacheConfig {
    /// Of links.
    std::chrono::milliseconds link_ttl{3'600'000};
    /// Of codes that the store does not know; longer than L1 keeps them.
    std::chrono::milliseconds absent_ttl{20'000};
};

/// `link:{code}` in Redis. Belongs to the thread of the client's reactor.
class RedisLinkCache final : public cache::SharedLinkCache {
public:
    /// `client` outlives it.
    RedisLinkCache(Client& client, const LinkCacheConfig& config, std::uint64_t seed)
        : client_(client), config_(config), random_(seed) {}

    void find(const std::string& code, Found found) override;
    void fill(const std::string& code, const cache::Known& known,
              std::chrono::nanoseconds fetch_time) override;

private:
    bool refresh_early(std::int64_t stored_at_ms, std::chrono::microseconds fetch_time,
                       std::chrono::milliseconds ttl);

    Client& client_;
    LinkCacheConfig config_;
    SplitMix64 random_;
};

}  // namespace qck::redis
