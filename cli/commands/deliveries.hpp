#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/circuit_breaker.hpp"
#include "services/admin/metrics.hpp"
#include "services/analytics/click_analytics.hpp"
#include "services/clicks/event_delivery.hpp"
#include "services/clicks/total_delivery.hpp"
#include "services/links/link_store.hpp"
#include "services/reconcile/totals_view.hpp"
#include "services/stores/clickhouse/clickhouse_event_sink.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/postgres_total_sink.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "services/stores/redis/redis_total_sink.hpp"

namespace qck::commands {

struct DeliveriesConfig {
    std::optional<redis::ClientConfig> redis;
    std::optional<clickhouse::ClickhouseUrl> clickhouse;
    CircuitBreaker::Config breaker;
    std::chrono::milliseconds postgres_sync{10'000};
    /// Links whose totals PostgreSQL is not given yet; may be empty.
    std::function<bool(std::uint64_t link_id)> postgres_suppressed;
    /// Links whose rows ClickHouse is not given yet; may be empty.
    std::function<std::vector<std::uint64_t>()> deferred_links;
    clicks::PlaceLookup place;
    std::uint64_t seed = 0;
};

/// How a store that clicks are delivered to is doing.
struct DeliveryStatus {
    std::string store;
    double lag_s = 0;             ///< since it had everything
    std::uint64_t pending = 0;    ///< links owed; stretches of rows deferred
    std::uint64_t delivered = 0;  ///< links, or rows
    std::uint64_t failures = 0;
    std::uint64_t lost = 0;   ///< links of which it had lost what it was given
    bool left_alone = false;  ///< its breaker is open
};

/// Brings counts and clicks to the stores that instances share, each on a thread of its own.
/// Outlives the counting, which tells it what there is to deliver.
class Deliveries {
public:
    /// All outlive it. `primary` is null without PostgreSQL.
    struct Parts {
        clicks::Journal& journal;
        clicks::ClickStore& counts;
        links::LinkStore& links;
        postgres::Pool* primary;
        postgres::Pool* replica;
    };
    static Result<std::unique_ptr<Deliveries>> open(const Parts& parts, DeliveriesConfig config);
    ~Deliveries();

    std::vector<clicks::CountObserver*> observers() const;
    std::vector<const clicks::SegmentHolder*> holders() const;

    void start();
    /// After the counting ended: delivers what is owed, within `deadline`.
    void stop(std::chrono::milliseconds deadline);
    /// Returns once every store has what was counted before the call, but for what is held back on
    /// purpose. Errc::timed_out names the store that has not.
    Result<void> settle(std::chrono::milliseconds deadline);

    /// What each store has of this instance's producers; for one thread at a time.
    std::vector<reconcile::TotalsView*> views() const;
    /// Gives every store everything once more: totals, and the rows that the journal still has.
    /// Never lowers a count. `drifting` are links whose sums PostgreSQL makes anew.
    Result<void> repair(std::span<const std::uint64_t> drifting,
                        std::chrono::milliseconds deadline);

    /// Counts by every instance, freshest first.
    std::vector<analytics::SharedTotals*> shared_totals() const;
    std::vector<DeliveryStatus> status() const;
    std::vector<admin::Sample> samples() const;

private:
    /// One shared store of totals.
    struct Totals {
        explicit Totals(const CircuitBreaker::Config& config) : breaker(config) {}
        CircuitBreaker breaker;
        std::unique_ptr<clicks::TotalSink> sink;
        std::unique_ptr<clicks::TouchedLinks> journal;
        std::unique_ptr<clicks::PositionFile> position;
        std::unique_ptr<clicks::TotalDelivery> delivery;
    };
    class EventHolder;

    Deliveries() = default;
    void add_totals(const Parts& parts, const DeliveriesConfig& config,
                    std::unique_ptr<clicks::TotalSink> sink, const std::string& target,
                    clicks::TotalDeliveryConfig delivery);
    Result<void> add_redis(const Parts& parts, const DeliveriesConfig& config);
    void add_postgres(const Parts& parts, const DeliveriesConfig& config);
    Result<void> add_clickhouse(const Parts& parts, const DeliveriesConfig& config);

    std::vector<std::unique_ptr<reconcile::TotalsView>> views_;
    std::vector<std::unique_ptr<analytics::SharedTotals>> shared_totals_;
    std::vector<std::unique_ptr<Totals>> totals_;
    postgres::PostgresTotalSink* postgres_ = nullptr;  ///< one of the sinks
    std::unique_ptr<redis::BlockingClient> redis_;
    std::unique_ptr<clickhouse::ClickhouseEventSink> event_sink_;
    std::unique_ptr<clicks::EventDelivery> events_;
    std::unique_ptr<EventHolder> event_holder_;
};

}  // namespace qck::commands
