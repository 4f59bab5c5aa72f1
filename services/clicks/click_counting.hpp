#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"
#include "services/clicks/count_observer.hpp"
#include "services/clicks/journal.hpp"

namespace qck::clicks {

struct CountingConfig {
    /// How often the journal's tail is read.
    std::chrono::milliseconds tail_every{100};
    /// How often counts go to the store; longer when a flush is slow, so that flushing takes at
    /// most a tenth of one core.
    std::chrono::milliseconds flush_every{1000};
    /// The same when somebody observes: what they derive is as fresh as this.
    std::chrono::milliseconds flush_every_observed{100};
    JournalKeep keep;
    /// A checkpoint is written after so many records, before segments are removed, and at the end.
    std::uint64_t checkpoint_records = 5'000'000;
    /// After one that could not be written, the next try comes so much later.
    std::chrono::milliseconds checkpoint_retry{10'000};
    /// Distinct counts held in memory; beyond it reading waits until the store takes them.
    std::size_t counts_max = 400'000;
    /// Told of every batch, in this order; outlive the counting.
    std::vector<CountObserver*> observers;
    /// No segment goes before all of these are past it; outlive the counting.
    std::vector<const SegmentHolder*> holders;
};

/// Figures for the metrics; read without stopping anything.
struct CountingFigures {
    std::uint64_t journal_bytes = 0;  ///< of all segment files, as allocated
    std::uint64_t segments = 0;
    std::uint64_t appended = 0;     ///< records of this epoch
    std::uint64_t counted = 0;      ///< records read since the start, earlier epochs' too
    std::uint64_t lag_records = 0;  ///< of this epoch, appended and not in the store
    double lag_seconds = 0;         ///< since the store had everything
    std::uint64_t refused = 0;
    std::uint64_t uncounted = 0;
    std::uint64_t corrupt_places = 0;  ///< damaged places met since the start
    std::uint64_t corrupt_bytes = 0;
    std::uint64_t read_failures = 0;  ///< tries at which the journal could not be read
    std::uint64_t flushes = 0;
    std::uint64_t flush_failures = 0;
    std::uint64_t checkpoints = 0;
};

/// The thread that derives every count from the journal.
///
/// It tails all shards, those of earlier runs and epochs too (recovery is nothing but tailing),
/// folds clicks to counts per link, hour, class and producer, and about once a second hands them
/// with the cursors to the store in one transaction. A store that fails keeps nothing from the
/// redirects: it is tried again with back-off while the journal keeps what it lacks. Segments that
/// the store and a checkpoint have are removed by JournalKeep. Thread-safe.
class ClickCounting {
public:
    /// `journal` and `store` outlive it. Reads the cursors and the checkpoint, and heals a store
    /// that lost what the journal still knows. A store that does not answer is no error: it is
    /// tried again.
    static Result<std::unique_ptr<ClickCounting>> start(Journal& journal, ClickStore& store,
                                                        const CountingConfig& config);
    /// stop().
    ~ClickCounting();
    ClickCounting(const ClickCounting&) = delete;
    ClickCounting& operator=(const ClickCounting&) = delete;

    /// Counts what was appended, flushes, writes a checkpoint, ends the thread. After the last
    /// append; gives up on a store that does not answer after `deadline` (the journal has it all).
    void stop(std::chrono::milliseconds deadline = std::chrono::seconds(10));

    /// Returns once everything appended before the call is in the store; false after `deadline`.
    bool flush(std::chrono::milliseconds deadline);

    /// Counts of a link that the store does not have yet, and then the store's, as one consistent
    /// sum.
    Result<ClassTotals> link_totals(std::uint64_t link_id);
    /// As ClickStore::link_hours, with what is not flushed yet.
    Result<std::vector<HourCount>> link_hours(std::uint64_t link_id, std::uint32_t since_hour,
                                              std::uint32_t until_hour);
    Result<std::vector<EventCount>> event_hours(std::string_view type, std::uint32_t since_hour,
                                                std::uint32_t until_hour);

    CountingFigures figures() const;

    /// What the store does not have, as of one instant; for the reading of counts.
    struct Unflushed {
        std::vector<ClickCount> flight_clicks;  ///< being given to the store
        std::vector<ClickCount> clicks;
        std::vector<EventCount> flight_events;
        std::vector<EventCount> events;
        bool in_flight = false;
        bool prepared = false;       ///< counting has begun, so that `revision` is known
        std::uint64_t revision = 0;  ///< of the store, without the flight
    };

private:
    class Loop;
    explicit ClickCounting(std::unique_ptr<Loop> loop);
    template <class Value>
    Result<Value> consistent(const std::function<Unflushed()>& unflushed,
                             const std::function<Result<Reading<Value>>()>& read,
                             const std::function<void(Value&, const Unflushed&)>& add);
    std::unique_ptr<Loop> loop_;
};

}  // namespace qck::clicks
