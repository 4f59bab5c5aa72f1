#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "services/clicks/checkpoint.hpp"
#include "services/clicks/click_counting.hpp"
#include "services/clicks/count_fold.hpp"
#include "services/clicks/damage_log.hpp"
#include "services/clicks/shard_reader.hpp"

namespace qck::clicks {

/// The work of ClickCounting: one thread that reads, folds, flushes, checkpoints and tidies.
///
/// At any moment each record of the journal is in exactly one of: the store (before its cursors),
/// the flight (a batch that the store is being given), the fold (read since), or not read yet.
class ClickCounting::Loop final : private RecordSink {
public:
    Loop(Journal& journal, ClickStore& store, const CountingConfig& config);
    ~Loop() override;

    void start();
    void stop(std::chrono::milliseconds deadline);
    bool flush(std::chrono::milliseconds deadline);
    CountingFigures figures() const;

    ClickStore& store() { return store_; }
    Unflushed unflushed_clicks(std::uint64_t link_id) const;
    Unflushed unflushed_events() const;

private:
    void run();
    /// One round; true when there is nothing left to do at once.
    bool round();
    void drain();

    // Beginning (counting_recovery.cpp)
    bool prepare();
    Result<void> prepare_from(const std::vector<ProducerCursor>& before);
    Result<void> heal(CheckpointReader& checkpoint, std::vector<ProducerCursor>& stored);
    Result<void> fold_since_checkpoint(const std::vector<ProducerCursor>& stored);
    Result<std::vector<std::uint16_t>> all_shards(const std::vector<ProducerCursor>& stored) const;

    // The checkpoint (counting_checkpoint.cpp)
    Result<std::optional<CheckpointReader>> open_checkpoint(
        const std::vector<ProducerCursor>& stored);
    Result<bool> beginning_is_gone(const std::vector<ProducerCursor>& stored);
    Result<void> rebuild_checkpoint();
    void checkpoint_when_due();
    bool write_checkpoint();

    // Reading
    bool read_tails();
    Cursor limit_of(std::uint16_t shard) const;
    void frames(const SegmentId& segment, std::span<const std::byte> run) override;
    void damage(const Damage& damage) override { damage_.report(damage); }

    // Delivering
    bool flush_now();
    void take_flight();
    void flight_landed();
    void tell_landed(const CountBatch& landed);
    std::vector<ProducerCursor> flushed_cursors() const;
    bool settle_conflict();
    void store_failed(const Error& failure);
    void retain();
    void note_journal(const Result<void>& readable);

    ShardReader reader(std::uint16_t shard, const Cursor& from, bool seal) const;

    Journal& journal_;
    ClickStore& store_;
    const CountingConfig config_;
    DamageLog damage_;
    ReadBuffer buffer_;
    std::vector<ShardReader> tails_;
    bool prepared_ = false;

    mutable std::mutex counts_mutex_;
    CountFold fold_;                    ///< guarded by counts_mutex_
    std::optional<CountBatch> flight_;  ///< guarded by counts_mutex_; changed by the thread alone
    std::uint64_t revision_ = 0;        ///< guarded by counts_mutex_
    bool serving_ = false;              ///< guarded by counts_mutex_: revision_ is known

    std::map<std::uint16_t, Cursor> flushed_;  ///< the store's cursors
    std::map<std::uint16_t, std::uint64_t>
        flight_records_;  ///< of this epoch, by shard, with the flight
    CountFold since_checkpoint_{CountFold::Keep::totals};
    std::uint64_t records_since_checkpoint_ = 0;
    std::uint64_t flight_size_ = 0;        ///< records in the flight
    bool behind_ = true;                   ///< more is to be read at once
    std::int64_t landed_ns_ = 0;           ///< when the last batch landed, or counting began
    std::vector<ProducerCursor> covered_;  ///< the checkpoint's cursors
    bool covered_for_good_ = false;        ///< its place in the directory is on the disk
    bool checkpoint_told_ = false;         ///< that it is damaged or missing
    std::int64_t next_flush_ns_ = 0;
    std::int64_t next_checkpoint_ns_ = 0;
    std::int64_t next_retain_ns_ = 0;
    std::int64_t retry_ns_ = 0;  ///< the present back-off; 0 when the store is well
    std::int64_t not_before_ns_ = 0;
    bool journal_failing_ = false;  ///< the last try to read it failed

    mutable std::mutex wake_mutex_;
    std::condition_variable wake_;
    std::condition_variable flushed_signal_;
    std::uint64_t flushes_asked_ = 0;  ///< guarded by wake_mutex_
    std::uint64_t flushes_done_ = 0;   ///< guarded by wake_mutex_
    bool stopping_ = false;            ///< guarded by wake_mutex_
    std::int64_t stop_by_ns_ = 0;      ///< guarded by wake_mutex_
    std::thread thread_;

    std::atomic<std::uint64_t> counted_{0};
    std::atomic<std::uint64_t> flushed_records_{0};  ///< of this epoch
    std::atomic<std::int64_t> all_flushed_ns_;
    std::atomic<std::uint64_t> journal_bytes_{0};
    std::atomic<std::uint64_t> segments_{0};
    std::atomic<std::uint64_t> read_failures_{0};
    std::atomic<std::uint64_t> flushes_{0};
    std::atomic<std::uint64_t> flush_failures_{0};
    std::atomic<std::uint64_t> checkpoints_{0};
};

}  // namespace qck::clicks
