#include "cli/commands/shared_rate_limits.hpp"

#include <utility>

namespace qck::commands {

Result<std::unique_ptr<SharedRateLimits>> SharedRateLimits::open(
    const redis::ClientConfig& redis, std::uint64_t node,
    std::vector<http_server::LimitExchange::Limiter> limiters,
    const http_server::LimitExchange::Config& config) {
    auto client = redis::BlockingClient::create(redis);
    if (!client) return client.error();
    return std::unique_ptr<SharedRateLimits>(
        new SharedRateLimits(std::move(*client), node, std::move(limiters), config));
}

std::vector<admin::Sample> SharedRateLimits::samples() const {
    const auto& figures = exchange_.figures();
    const auto counter = [](const char* name, const char* help, const Counter& value) {
        return admin::Sample{name, help, true, {}, static_cast<double>(value.value())};
    };
    return {
        counter("qck_rate_limit_exchanges_total",
                "Exchanges with other instances of what clients asked.", figures.exchanges),
        counter("qck_rate_limit_exchange_failures_total", "Of these, how many failed.",
                figures.failures),
        counter("qck_rate_limit_clients_told_total",
                "Clients that others were told of, one a client and exchange.", figures.clients)};
}

}  // namespace qck::commands
