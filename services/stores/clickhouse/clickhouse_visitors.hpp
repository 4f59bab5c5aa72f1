#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/circuit_breaker.hpp"
#include "services/analytics/visitor_counts.hpp"
#include "services/stores/clickhouse/client.hpp"

namespace qck::clickhouse {

/// Visitors by the hourly states of `uniq` over the hash of address and user agent: exact up to
/// 65,536, beyond with a standard error of at most 0.55 % (it keeps at least 32,768 hashes). Rows
/// that a burst defers are counted when they come.
class ClickhouseVisitors final : public analytics::VisitorCounts {
public:
    ClickhouseVisitors(ClientConfig config, const CircuitBreaker::Config& breaker)
        : client_(std::move(config)), breaker_(breaker) {}

    Result<analytics::Visitors> visitors(std::uint64_t link_id,
                                         const std::vector<std::uint32_t>& days) override;
    const CircuitBreaker& breaker() const { return breaker_; }

private:
    std::timed_mutex mutex_;
    Client client_;  ///< guarded by mutex_
    CircuitBreaker breaker_;
};

}  // namespace qck::clickhouse
