#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/circuit_breaker.hpp"
#include "services/admin/metrics.hpp"
#include "services/analytics/click_analytics.hpp"
#include "services/clicks/event_delivery.hpp"
#include "services/clicks/guarded_event_sink.hpp"
#include "services/clicks/total_delivery.hpp"
#include "services/links/link_store.hpp"
#include "services/reconcile/minutes_view.hpp"
#include "services/reconcile/totals_view.hpp"
#include "services/stores/clickhouse/clickhouse_event_sink.hpp"
#include "services/stores/clickhouse/clickhouse_minutes_view.hpp"
#include "services/stores/clickhouse/clickhouse_visitors.hpp"
#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/postgres_total_sink.hpp"
#include "services/stores/redis/blocking_client.hpp"
#include "services/stores/redis/redis_total_sink.hpp"
#include "services/stores/redis/redis_visitors.hpp"

namespace qck::commands {

/// Where visitors are counted: in ClickHouse when there is one, else in Redis; or as told.
enum class UniquesIn : std::uint8_t { any, redis, clickhouse, off };
/// `auto|redis|clickhouse|off`.
Result<UniquesIn> parse_uniques(std::string_view text);

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
    UniquesIn uniques = UniquesIn::any;
    std::uint64_t seed = 0;
};

class RowDelivery;

/// How a store that clicks are delivered to is doing.
struct DeliveryStatus {
    std::string store;
    double lag_s = 0;             ///< since it had everything
    std::uint64_t pending = 0;    ///< owed: links, or about so many clicks; 0: nothing
    bool of_clicks = false;       ///< the unit of it, and rows of delivered
    std::uint64_t delivered = 0;  ///< links, or rows
    std::uint64_t failures = 0;
    std::uint64_t lost = 0;  ///< links of which it had lost what it was given
    /// Why it is away: its breaker is open, or the last try failed; empty when it is there.
    std::string away;
    /// When it is tried next, monotonic, while it is away and somebody knows; else 0.
    std::int64_t next_try_ns = 0;
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
    /// Those without which counts or rows would be lost.
    std::vector<const clicks::SegmentHolder*> holders() const;

    void start();
    /// After the counting ended: delivers what is owed, within `deadline`.
    void stop(std::chrono::milliseconds deadline);
    /// Returns once every store has what was clicked before `until`, but for what is held back on
    /// purpose, which it returns. Errc::timed_out names the store that has not, and what it is
    /// owed; Errc::unavailable once `abandoned` (may be empty) says so.
    Result<std::vector<reconcile::HeldBack>> settle(
        const std::vector<clicks::ProducerCursor>& until, std::chrono::milliseconds deadline,
        const std::function<bool()>& abandoned = {});
    /// What a settle() that is under way waits for. Thread-safe.
    struct Settling {
        std::string store;
        std::chrono::milliseconds left{0};
        DeliveryStatus status;
    };
    std::optional<Settling> settling() const;

    /// Thread-safe: who waits for a store in one of these calls is told at once, now and ever
    /// after, that the service stops.
    void give_up() { given_up_.store(true, std::memory_order_relaxed); }
    bool given_up() const { return given_up_.load(std::memory_order_relaxed); }

    /// What each store has of this instance's producers; these, and what follows, are for one
    /// thread at a time.
    std::vector<reconcile::TotalsView*> views() const;
    /// Of the store of rows; null without one.
    clickhouse::ClickhouseMinutesView* minutes() const { return minutes_.get(); }

    /// Gives every store everything once more: totals, and the rows that the journal still has.
    /// Never lowers a count. `drifting` are links whose sums PostgreSQL makes anew.
    Result<void> give_again(std::span<const std::uint64_t> drifting,
                            std::chrono::milliseconds deadline);
    /// Sets the totals of these links in a store to those of the local one, also where that is
    /// less.
    Result<void> set_totals(reconcile::TotalsView& view, std::span<const std::uint64_t> links);
    /// Takes rows away, and gives those that the journal has again.
    Result<void> renew_rows(const reconcile::MinuteScope& scope,
                            std::span<const reconcile::MinuteDigest> of,
                            std::chrono::milliseconds deadline);
    /// Adds rows that stand for many clicks. When it fails, some may be there or still be on their
    /// way.
    Result<void> add_weights(std::span<const reconcile::HourClicks> weights,
                             std::chrono::milliseconds deadline);
    /// Removes keys of Redis that only a burst needed. How many; 0 without Redis.
    Result<std::uint64_t> clean();

    /// Visitors by every instance; null where nobody counts them.
    analytics::VisitorCounts* visitors() const { return visitors_; }
    /// Counts by every instance, freshest first.
    std::vector<analytics::SharedTotals*> shared_totals() const;
    std::vector<DeliveryStatus> status() const;
    std::vector<admin::Sample> samples() const;
    /// By store, of those that totals are brought to,
    /// A store was found to answer: what is delivered to it is tried again. Thread-safe.
    void may_be_well(std::string_view store, std::int64_t now_ns);
    std::vector<std::pair<std::string, const CircuitBreaker*>> breakers() const;
    /// and of those that rows are.
    std::vector<std::pair<std::string, const CircuitBreaker*>> row_breakers() const;
    /// Null where visitors are not counted in ClickHouse.
    const CircuitBreaker* visitors_breaker() const {
        return clickhouse_visitors_ ? &clickhouse_visitors_->breaker() : nullptr;
    }
    /// Null without Redis.
    const redis::Figures* redis_figures() const { return redis_ ? &redis_->figures() : nullptr; }
    /// Null where visitors are not counted in Redis.
    const redis::Figures* uniques_figures() const {
        return uniques_client_ ? &uniques_client_->figures() : nullptr;
    }

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

    Deliveries() = default;
    void add_totals(const Parts& parts, const DeliveriesConfig& config,
                    std::unique_ptr<clicks::TotalSink> sink, const std::string& target,
                    clicks::TotalDeliveryConfig delivery);
    Result<void> add_redis(const Parts& parts, const DeliveriesConfig& config);
    void add_postgres(const Parts& parts, const DeliveriesConfig& config);
    Result<void> add_clickhouse(const Parts& parts, const DeliveriesConfig& config);
    Result<void> add_rows(const Parts& parts, const DeliveriesConfig& config,
                          clicks::EventSink& sink, clicks::EventDeliveryConfig delivery);
    Result<void> add_uniques(const Parts& parts, const DeliveriesConfig& config);

    Result<void> await(std::int64_t by_ns, std::string_view store,
                       const std::function<bool()>& done,
                       const std::function<bool()>& abandoned = {}) const;
    DeliveryStatus status_of(std::string_view store) const;
    Error not_taken(std::string_view store) const;
    Result<void> resend_rows(std::chrono::milliseconds deadline);
    void add_held_back(std::vector<reconcile::HeldBack>& held, bool settled) const;

    std::atomic<bool> given_up_{false};
    /// What is waited for at present, and until when; guarded by awaited_mutex_.
    struct Awaited {
        std::string store;
        std::int64_t by_ns = 0;
    };
    mutable std::mutex awaited_mutex_;
    mutable std::optional<Awaited> awaited_;
    std::uint64_t node_ = 0;
    clicks::ClickStore* counts_ = nullptr;
    std::function<bool(std::uint64_t link_id)> postgres_suppressed_;
    std::function<std::vector<std::uint64_t>()> deferred_links_;
    clicks::LinkResolver resolve_;
    std::unique_ptr<clickhouse::ClickhouseMinutesView> minutes_;
    std::optional<clickhouse::ClickhouseUrl> clickhouse_;
    std::vector<std::unique_ptr<reconcile::TotalsView>> views_;
    std::vector<std::unique_ptr<analytics::SharedTotals>> shared_totals_;
    std::vector<std::unique_ptr<Totals>> totals_;
    postgres::PostgresTotalSink* postgres_ = nullptr;  ///< one of the sinks
    std::unique_ptr<redis::BlockingClient> redis_;
    std::unique_ptr<redis::BlockingClient> uniques_client_;
    std::unique_ptr<redis::RedisVisitors> redis_visitors_;
    std::unique_ptr<clickhouse::ClickhouseVisitors> clickhouse_visitors_;
    analytics::VisitorCounts* visitors_ = nullptr;  ///< one of the two
    std::unique_ptr<clickhouse::ClickhouseEventSink> event_sink_;
    std::vector<std::unique_ptr<clicks::GuardedEventSink>> guards_;  ///< of rows_, in their order
    std::vector<std::unique_ptr<RowDelivery>> rows_;
    RowDelivery* clickhouse_rows_ = nullptr;  ///< one of them
};

}  // namespace qck::commands
