#pragma once

#include <cstdint>

#include "services/analytics/click_analytics.hpp"
#include "services/stores/redis/blocking_client.hpp"

namespace qck::redis {

/// Counts of a link by every instance, from `clicks:{id}:by`. Thread-safe.
class RedisSharedTotals final : public analytics::SharedTotals {
public:
    /// `client` outlives it.
    explicit RedisSharedTotals(BlockingClient& client) : client_(client) {}
    Result<clicks::ClassTotals> link_totals(std::uint64_t link_id) override;

private:
    BlockingClient& client_;
};

}  // namespace qck::redis
