#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/counter.hpp"
#include "base/stats/histogram.hpp"
#include "loadgen/record/gain.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::record {

/// How much room a record needs; equal for all workers of a run.
struct RecordShape {
    std::size_t phases = 1;
    std::size_t intervals = 1;  ///< what happens later is counted in the last one
    std::int64_t interval_ns = 100'000'000;
    std::uint32_t tail_links = 0;
    std::size_t kinds = 0;  ///< of requests, whose figures are kept apart; 0: they are not
    /// By kind of request, as scenario::RequestKind::expect.
    std::vector<std::vector<std::uint16_t>> expect;

    /// For a run of this length that may take `drain_ns` longer to end.
    static RecordShape of(std::size_t phases, std::int64_t run_ns, std::int64_t drain_ns,
                          std::uint32_t tail_links);
};

/// What one worker measures while it runs.
///
/// The worker alone writes; any thread may read the counters and the coarse histograms meanwhile.
/// Nothing allocates after the constructor. Times are nanoseconds from the start of the run.
class WorkerRecord {
public:
    explicit WorkerRecord(const RecordShape& shape);

    /// A request that was sent; remembered with its connection until it ends.
    struct Sent {
        std::int64_t due_ns = 0;
        std::int64_t sent_ns = 0;
        std::uint32_t link = 0;  ///< scenario::link_…
        std::uint16_t phase = 0;
        std::uint8_t kind = 0;  ///< of request: index into scenario::Plan::requests
        bool head : 1 = false;
        /// Answers that refuse it (4xx) are as good as others: a log that is replayed had them too.
        bool may_be_refused : 1 = false;
    };
    static_assert(scenario::limits::requests_max <= 256 && sizeof(Sent) == 24);

    /// A request came due and was taken from the schedule; it will be sent or given up.
    void scheduled(std::uint32_t phase, std::int64_t due_ns) {
        phases_[phase].scheduled.add();
        scheduled_at_.of(due_ns, *this).scheduled.add();
    }
    void sent(const Sent& request, std::uint64_t bytes);
    void answered(const Sent& request, std::int64_t now_ns, std::uint16_t status);
    void failed(const Sent& request, std::int64_t now_ns, Cause cause);
    /// Recorded with the timeout as its latency.
    void timed_out(const Sent& request, std::int64_t now_ns, std::int64_t timeout_ns);
    /// Stood behind a request that timed out, on a connection that had to be closed for it: failed,
    /// and recorded with the timeout as its latency, which is at least its age (B4).
    void lost_behind_timeout(const Sent& request, std::int64_t now_ns, std::int64_t timeout_ns);
    /// Still open when the run ended; recorded with its age (B4).
    void left_open(const Sent& request, std::int64_t now_ns);
    /// Given up before it was sent, after `waited_ns`. `kind`: where it is known already.
    void unsent(std::uint32_t phase, std::int64_t due_ns, std::int64_t now_ns,
                std::int64_t waited_ns, Cause cause, std::optional<std::uint8_t> kind = {});
    /// The same of many at once: all of them due in one interval, none of them scheduled() before.
    void unsent_all(std::uint32_t phase, std::uint64_t count, std::int64_t due_ns,
                    std::int64_t now_ns, std::int64_t waited_ns, Cause cause);
    /// When the interval that a time is in is over; never, of the last one.
    std::int64_t interval_end_ns(std::int64_t at_ns) const;
    void received(std::uint32_t phase, std::uint64_t bytes) {
        phases_[phase].bytes_received.add(bytes);
    }

    /// What it has gained since `seen`, an earlier copy of it that becomes a copy of now; made of
    /// the same shape, empty. Any thread may ask while the worker writes; what it then sees of one
    /// request and not yet of its other counts comes with a later gain. `whole` looks at what seems
    /// unchanged too: for the last one, when the worker has ended.
    Gain take_gain(WorkerRecord& seen, bool whole) const;
    /// Adds this record to a result whose phases and series have this record's shape.
    void add_to(RunResult& result) const;
    /// Counters of all phases, as far as they are.
    Accounting so_far() const;
    /// Adds the coarse histograms of the intervals [from, to).
    void add_latencies(std::size_t from, std::size_t to,
                       stats::CoarseHistogram& to_histogram) const;
    std::uint64_t sent_in(std::size_t interval) const { return intervals_[interval].sent.value(); }
    std::uint64_t answered_in(std::size_t interval) const {
        return intervals_[interval].answered.value();
    }
    std::size_t interval_of(std::int64_t at_ns) const;

private:
    static constexpr std::size_t status_first = 100;
    static constexpr std::size_t status_count = 900;

    using CauseCounters = std::array<Counter, cause_count>;
    struct PhaseCells {
        Counter scheduled, sent, unsent, answered, failed, timed_out, in_flight;
        Counter bytes_sent, bytes_received;
        stats::Histogram latency, service, send_lag;
        std::array<Counter, status_count> status{};
        std::array<Counter, status_count> unexpected{};  ///< of `status`
        CauseCounters failed_by{};
        CauseCounters unsent_by{};

        Accounting accounting() const;
    };
    struct IntervalCells {
        Counter scheduled, sent, answered, failed, timed_out, unsent;
        CauseCounters failed_by{};
        stats::CoarseHistogram latency;
    };
    /// Apart from what other threads write.
    struct alignas(64) KindCells {
        Counter sent, unsent, answered, unexpected, failed, timed_out;
        stats::Histogram latency;
    };
    struct LinkCells {
        Counter hot, unknown, other;
        std::vector<Counter> tail;
    };

    /// Finds the cells of the interval that a time is in; cheap while the time moves on in small
    /// steps.
    class IntervalCursor {
    public:
        IntervalCells& of(std::int64_t at_ns, WorkerRecord& record) {
            if (at_ns - begin_ns_ >= record.shape_.interval_ns || at_ns < begin_ns_) {
                index_ = record.interval_of(at_ns);
                begin_ns_ = static_cast<std::int64_t>(index_) * record.shape_.interval_ns;
            }
            return record.intervals_[index_];
        }

    private:
        std::size_t index_ = 0;
        std::int64_t begin_ns_ = 0;
    };

    bool is_expected(const Sent& request, std::uint16_t status) const;
    void latency(std::uint32_t phase, std::int64_t due_ns, std::int64_t ns);
    /// Of one that was sent.
    void latency(const Sent& request, std::int64_t ns);
    void count(std::uint8_t kind, Counter KindCells::*figure) {
        if (!kinds_.empty()) (kinds_[kind].*figure).add();
    }
    IntervalCells& interval_now(std::int64_t now_ns) { return now_at_.of(now_ns, *this); }
    static void add_phase(const PhaseCells& cells, PhaseResult& phase);
    void take_phase_gain(std::uint32_t at, WorkerRecord& seen, bool whole, Gain& gain) const;
    void take_interval_gain(std::uint32_t at, WorkerRecord& seen, bool whole, Gain& gain) const;
    void take_kind_gain(std::uint32_t at, WorkerRecord& seen, bool whole, Gain& gain) const;
    void take_link_gain(WorkerRecord& seen, Gain& gain) const;

    RecordShape shape_;
    std::vector<PhaseCells> phases_;
    std::vector<IntervalCells> intervals_;
    IntervalCursor now_at_;
    IntervalCursor scheduled_at_;  ///< due times as requests are taken
    IntervalCursor due_at_;        ///< due times as requests end
    std::vector<KindCells> kinds_;
    LinkCells links_;
};

}  // namespace qck::record
