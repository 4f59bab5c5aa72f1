#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "services/analytics/visitor_counts.hpp"
#include "services/clicks/event_sink.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "services/stores/redis/uniques.hpp"

namespace qck::redis {

/// Visitors of the last days in HyperLogLogs, `uniq:{id}:{day}`. What Redis is given of a visitor
/// is 64 bits of a hash of address and user agent, and what it keeps of those are 6 bits in one of
/// 16,384 registers that many share: neither can be found from the key.
class RedisVisitors final : public clicks::EventSink, public analytics::VisitorCounts {
public:
    /// A day's count goes so long after its last visitor.
    static constexpr std::chrono::hours keep{24 * 8};

    /// `client` outlives it.
    explicit RedisVisitors(BlockingClient& client) : client_(client), uniques_(client, keep) {}

    std::string_view name() const override { return "redis-uniques"; }
    /// Giving a visitor twice changes nothing. Clicks whose address is not kept have none.
    Result<void> send(const clicks::EventBatch& batch) override;
    /// send() has waited for it.
    Result<void> outcome() override { return {}; }
    /// None: what is in doubt is given again.
    Result<std::vector<clicks::EventId>> present(const clicks::EventBatch&) override {
        return std::vector<clicks::EventId>();
    }

    Result<analytics::Visitors> visitors(std::uint64_t link_id,
                                         const std::vector<std::uint32_t>& days) override;

private:
    BlockingClient& client_;
    Uniques uniques_;
};

}  // namespace qck::redis
