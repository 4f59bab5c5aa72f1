#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/backoff.hpp"
#include "base/circuit_breaker.hpp"
#include "base/clock.hpp"
#include "services/clicks/count_observer.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/clicks/owed_totals.hpp"
#include "services/clicks/total_sink.hpp"

namespace qck::clicks {

/// Where a delivery reads which links were clicked in a part of the journal.
class TouchedLinks {
public:
    struct Found {
        std::vector<std::uint64_t> links;  ///< each once
        std::vector<ProducerCursor> reached;
        bool gap = false;  ///< something between is gone or damaged
    };
    virtual ~TouchedLinks() = default;
    /// From `from` on, to `to` or, after about `links_max` distinct links, some place before.
    virtual Result<Found> read(const std::vector<ProducerCursor>& from,
                               const std::vector<ProducerCursor>& to, std::size_t links_max) = 0;
};

/// Where a delivery keeps its position.
class PositionFile {
public:
    virtual ~PositionFile() = default;
    /// Empty when there is none, or when it cannot be used (then everything is delivered again).
    virtual std::optional<DeliveryPosition> load() = 0;
    /// Empty: forgets it.
    virtual Result<void> save(const std::optional<DeliveryPosition>& position) = 0;
};

/// The journal of a data directory; reads beside its writers.
std::unique_ptr<TouchedLinks> touched_links(const DataDirectory& directory);
/// `DIR/delivery/NAME.cursor`. `target` says which store the position is of (its address, without
/// secrets): a position of another one is not used.
std::unique_ptr<PositionFile> position_file(const DataDirectory& directory, std::string_view name,
                                            std::string_view target);

struct TotalDeliveryConfig {
    /// Between one delivery and the next.
    std::chrono::milliseconds every{100};
    /// How often the position is written at most.
    std::chrono::milliseconds save_every{1'000};
    /// How often the sink is asked whether it still holds what it was given; also after a failure.
    std::chrono::milliseconds ask_every{2'000};
    /// Of a walk that nobody waits for: it leaves the sink time for others.
    std::uint32_t walk_links_per_s = 25'000;
    Backoff::Config backoff;
    OwedTotals::Limits limits;
    /// Links whose totals wait until it says no; may be empty. Quick and thread-safe.
    OwedTotals::Suppressed suppressed;
    std::uint64_t jitter_seed = 0;
    /// Monotonic nanoseconds.
    std::function<std::int64_t()> now = monotonic_ns;
};

/// Figures for the metrics.
struct TotalDeliveryFigures {
    double lag_seconds = 0;  ///< since the sink had everything that it is to have now
    std::uint64_t links_pending = 0;
    std::uint64_t delivered = 0;  ///< links, each time
    std::uint64_t batches = 0;
    std::uint64_t failures = 0;
    std::uint64_t lost = 0;   ///< links of which the sink had lost what it was given
    std::uint64_t walks = 0;  ///< parts of deliveries of everything
    std::string failing;      ///< why the last try failed; empty: it did not
    /// When the sink is tried next, monotonic, while it fails or is left alone; else 0.
    std::int64_t next_try_ns = 0;
};

/// Keeps a shared store's totals up to those of the local click store, on a thread of its own.
///
/// It needs no exactly-once: it collects which links were clicked, and gives their absolute totals,
/// as often as it takes. It holds no segment back: when those that would tell it what was clicked
/// are gone (a sink that was down for days) it gives every link's totals. Thread-safe.
class TotalDelivery final : public CountObserver {
public:
    /// All outlive it. `breaker` may be shared with other callers of the same store.
    struct Parts {
        ClickStore& store;
        TotalSink& sink;
        TouchedLinks& journal;
        PositionFile& position;
        CircuitBreaker& breaker;
        std::uint64_t node;
    };
    TotalDelivery(const Parts& parts, TotalDeliveryConfig config);
    ~TotalDelivery() override;  ///< stop() without a last delivery
    TotalDelivery(const TotalDelivery&) = delete;
    TotalDelivery& operator=(const TotalDelivery&) = delete;

    void start();
    /// Delivers what is owed, unless the sink fails or `deadline` passes, and ends the thread.
    /// After the counting ended.
    void stop(std::chrono::milliseconds deadline);
    /// One delivery of everything that is owed, on the caller's thread; for a delivery that was not
    /// started. True when nothing is owed but what is suppressed.
    bool round();

    /// The sink needs this link's totals once more (another instance found them lost).
    void mark(std::uint64_t link_id);
    /// It needs all of them, at once: somebody waits.
    void mark_all();
    /// What was clicked before `until` and what was marked is delivered, but for what is held back.
    /// When not, a delivery begins soon.
    bool delivered_until(const std::vector<ProducerCursor>& until);
    /// Links whose totals wait until they are no longer suppressed.
    std::vector<std::uint64_t> held_back() const;

    TotalDeliveryFigures figures() const;
    std::string_view name() const { return parts_.sink.name(); }

    void began(const std::vector<ProducerCursor>& cursors,
               std::uint64_t revision) noexcept override;
    void landed(const LandedCounts& counts) noexcept override;

private:
    /// Whether a walk keeps to walk_links_per_s.
    enum class Pace : std::uint8_t { gentle, full };

    void run();
    bool round(Pace pace);
    std::int64_t next_round_ns(std::int64_t began_ns);
    bool deliver_owed(Pace pace);
    bool ask_incarnation();
    bool do_task(const OwedTotals::Task& task);
    bool do_send(const OwedTotals::Task& task);
    bool do_walk(const OwedTotals::Task& task);
    bool read_journal(const OwedTotals::Task& task);
    /// How it went: which links the sink did not take, and whether others are worth a try now.
    struct Given {
        bool goes_on = true;
        std::vector<std::uint64_t> untaken = {};
    };
    Given give(std::span<const ProducerTotal> rows, std::uint64_t revision);
    Given none_taken(std::span<const LinkTotals> links, const Error& why);
    Given taken_in_part(Taken taken, std::size_t links);
    bool suppressed(std::uint64_t link_id) const;
    bool waits(std::uint64_t link_id) const;
    void put_aside(std::span<const std::uint64_t> links);
    void await_revision(std::uint64_t revision);
    bool failed(const Error& error, const char* what);
    void note_failing(const Error& error, const char* what, std::int64_t again_ns);
    std::int64_t next_try_ns() const;
    void note_working();
    void save_position(bool at_once);

    const Parts parts_;
    const TotalDeliveryConfig config_;
    mutable std::mutex mutex_;
    OwedTotals owed_;  ///< guarded by mutex_
    /// Links that the sink did not take when they were given last; tried again after a pause.
    std::unordered_set<std::uint64_t> aside_;  ///< guarded by mutex_
    std::condition_variable wake_;
    std::condition_variable told_;
    std::string failing_;           ///< guarded by mutex_: why, until it works again
    std::int64_t again_ns_ = 0;     ///< guarded by mutex_: while it fails it is not tried before
    std::int64_t round_at_ns_ = 0;  ///< guarded by mutex_: the next round
    bool hurried_ = false;          ///< guarded by mutex_: until the walk under way ended
    bool stopping_ = false;         ///< guarded by mutex_
    bool woken_ = false;            ///< guarded by mutex_
    std::int64_t stop_by_ns_ = 0;   ///< guarded by mutex_
    std::thread thread_;

    // The delivering thread's alone.
    Backoff backoff_;
    std::int64_t not_before_ns_ = 0;
    Backoff part_backoff_;
    std::int64_t aside_until_ns_ = 0;
    std::int64_t walk_not_before_ns_ = 0;
    std::int64_t next_save_ns_ = 0;
    std::int64_t next_ask_ns_ = 0;
    bool asked_ = false;  ///< the last question was answered
    std::int64_t next_walk_ns_ = 0;
    std::uint64_t saved_version_ = 0;
    bool failing_in_part_ = false;  ///< it took others since it did not take those aside

    std::atomic<std::int64_t> all_delivered_ns_;
    std::atomic<std::uint64_t> delivered_{0};
    std::atomic<std::uint64_t> batches_{0};
    std::atomic<std::uint64_t> failures_{0};
    std::atomic<std::uint64_t> lost_{0};
    std::atomic<std::uint64_t> walks_{0};
};

}  // namespace qck::clicks
