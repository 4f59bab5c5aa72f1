#pragma once

#include <memory>
#include <vector>

#include "services/admin/metrics.hpp"
#include "services/http_server/limit_exchange.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "services/stores/redis/redis_limits.hpp"

namespace qck::commands {

/// Rate limits that hold over all instances of a Redis, by a client and a thread of their own.
class SharedRateLimits {
public:
    static Result<std::unique_ptr<SharedRateLimits>> open(
        const redis::ClientConfig& redis, std::uint64_t node,
        std::vector<http_server::LimitExchange::Limiter> limiters,
        const http_server::LimitExchange::Config& config);

    void start() { exchange_.start(); }
    void stop() { exchange_.stop(); }

    const redis::Figures& client_figures() const { return client_->figures(); }
    std::vector<admin::Sample> samples() const;

private:
    SharedRateLimits(std::unique_ptr<redis::BlockingClient> client, std::uint64_t node,
                     std::vector<http_server::LimitExchange::Limiter> limiters,
                     const http_server::LimitExchange::Config& config)
        : client_(std::move(client)),
          limits_(*client_, node),
          exchange_(limits_, std::move(limiters), config) {}

    std::unique_ptr<redis::BlockingClient> client_;
    redis::RedisLimits limits_;
    http_server::LimitExchange exchange_;
};

}  // namespace qck::commands
