#pragma once

#include <cstdint>
#include <memory>

#include "services/http_server/limited_handler.hpp"
#include "services/http_server/rate_limiter.hpp"

namespace qck::commands {

/// Null without a limit.
inline std::unique_ptr<http_server::RateLimiter> limiter(const http_server::RateLimit& limit,
                                                         std::uint64_t seed) {
    if (!limit.is_on()) return nullptr;
    return std::make_unique<http_server::RateLimiter>(
        http_server::RateLimiter::Config{.limit = limit, .seed = seed});
}

/// Null without a limiter: then nothing stands before the handler.
inline std::unique_ptr<http_server::LimitedHandler> limited(http_server::Handler& handler,
                                                            http_server::RateLimiter* limiter) {
    if (limiter == nullptr) return nullptr;
    return std::make_unique<http_server::LimitedHandler>(handler, *limiter);
}

/// What a listener hands its requests to.
template <class Lane>
http_server::Handler& front(Lane& lane) {
    if (lane.limited) return *lane.limited;
    return *lane.handler;
}

}  // namespace qck::commands
