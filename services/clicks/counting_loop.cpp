#include "services/clicks/counting_loop.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/log.hpp"
#include "services/clicks/frame.hpp"
#include "services/clicks/retry_pause.hpp"
#include "services/clicks/segment_retention.hpp"

namespace qck::clicks {
namespace {

constexpr std::int64_t ms = 1'000'000;
/// Read from each shard in one round.
constexpr std::size_t round_bytes = 16 << 20;
constexpr std::int64_t retain_every_ns = 2'000 * ms;
/// A flush that took t is followed by a pause of this many t.
constexpr std::int64_t flush_pause = 9;

}  // namespace

ClickCounting::Loop::Loop(Journal& journal, ClickStore& store, const CountingConfig& config)
    : journal_(journal),
      store_(store),
      config_(config),
      damage_(journal.directory().journal()),
      all_flushed_ns_(monotonic_ns()) {}

ClickCounting::Loop::~Loop() { stop(std::chrono::seconds(10)); }

void ClickCounting::Loop::start() {
    thread_ = std::thread([this] { run(); });
}

void ClickCounting::Loop::stop(std::chrono::milliseconds deadline) {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(wake_mutex_);
        stopping_ = true;
        stop_by_ns_ = monotonic_ns() + std::chrono::nanoseconds(deadline).count();
    }
    wake_.notify_one();
    thread_.join();
}

bool ClickCounting::Loop::flush(std::chrono::milliseconds deadline) {
    std::unique_lock lock(wake_mutex_);
    const std::uint64_t mine = ++flushes_asked_;
    wake_.notify_one();
    return flushed_signal_.wait_for(lock, deadline, [&] { return flushes_done_ >= mine; });
}

void ClickCounting::Loop::run() {
    name_thread("qck-counting");
    give_way();
    while (true) {
        const bool idle = round();
        std::unique_lock lock(wake_mutex_);
        if (stopping_) break;
        if (idle && flushes_done_ == flushes_asked_) wake_.wait_for(lock, config_.tail_every);
        // A flush that is asked for waits for a store that fails no longer than anyone else.
        if (idle && flushes_done_ != flushes_asked_)
            wake_.wait_for(lock, std::chrono::milliseconds(5));
        if (stopping_) break;
    }
    drain();
}

/// Everything that was appended goes to the store; the journal keeps it if the store does not
/// answer in time.
void ClickCounting::Loop::drain() {
    const auto by = [this] {
        const std::lock_guard lock(wake_mutex_);
        return stop_by_ns_;
    }();
    bool all = false;
    do {
        if (prepared_ || prepare()) {
            const bool caught_up = read_tails();
            all = flush_now() && caught_up;
        }
        if (!all && (retry_ns_ != 0 || journal_failing_))
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (!all && monotonic_ns() < by);
    if (!all) {
        log::warn("counts_not_flushed", {{"why", "the store did not answer in time"},
                                         {"effect", "they are counted at the next start"}});
    }
    if (records_since_checkpoint_ > 0 && prepared_) write_checkpoint();
}

bool ClickCounting::Loop::round() {
    const std::int64_t now = monotonic_ns();
    std::uint64_t asked = 0;
    bool wanted = false;
    {
        const std::lock_guard lock(wake_mutex_);
        asked = flushes_asked_;
        wanted = asked != flushes_done_;
    }
    if (!prepared_ && (now < not_before_ns_ || !prepare())) return true;

    std::size_t held = 0;
    {
        const std::lock_guard lock(counts_mutex_);
        held = fold_.size();
    }
    bool caught_up = false;
    if (held < config_.counts_max) caught_up = read_tails();
    const bool many = held >= config_.counts_max / 2;
    bool flushed = false;
    // What was asked for is flushed when all of it was read, not part by part.
    behind_ = !caught_up;
    const bool due = (wanted && caught_up) || many || now >= next_flush_ns_;
    if (due && now >= not_before_ns_) {
        const std::int64_t begin = monotonic_ns();
        flushed = flush_now();
        const std::int64_t end = monotonic_ns();
        const auto pace = config_.observers.empty()
                              ? config_.flush_every
                              : std::min(config_.flush_every, config_.flush_every_observed);
        const std::int64_t every = std::chrono::nanoseconds(pace).count();
        next_flush_ns_ = std::max(begin + every, end + flush_pause * (end - begin));
    }
    if (flushed && caught_up) {
        all_flushed_ns_ = now;
        const std::lock_guard lock(wake_mutex_);
        flushes_done_ = std::max(flushes_done_, asked);
        flushed_signal_.notify_all();
    }
    checkpoint_when_due();
    if (now >= next_retain_ns_) retain();
    // A journal that cannot be read is tried again as often as its tail is, not at once.
    return caught_up || held >= config_.counts_max || journal_failing_;
}

/// Where the writer of a shard is. A shard that has none any more ends with the epochs before this
/// one.
Cursor ClickCounting::Loop::limit_of(std::uint16_t shard) const {
    const std::uint32_t epoch = journal_.directory().identity().epoch;
    if (shard >= journal_.shards()) return {epoch, 0, 0};
    const std::uint64_t position = journal_.shard(shard).appended_position();
    const std::uint64_t segment_bytes = journal_.config().segment_bytes;
    return {epoch, static_cast<std::uint32_t>(position / segment_bytes),
            static_cast<std::uint32_t>(position % segment_bytes)};
}

/// True when everything that was there when it began has been read.
bool ClickCounting::Loop::read_tails() {
    bool caught_up = true;
    Result<void> readable;
    for (ShardReader& tail : tails_) {
        const auto done = tail.read(limit_of(tail.shard()), round_bytes, buffer_, *this);
        if (!done) readable = done.error();
        caught_up = caught_up && done && *done;
    }
    note_journal(readable);
    return caught_up;
}

/// Says once that the journal cannot be read, and once that it can again.
void ClickCounting::Loop::note_journal(const Result<void>& readable) {
    if (!readable) read_failures_.fetch_add(1, std::memory_order_relaxed);
    if (!readable && !journal_failing_) {
        log::error("journal_unreadable", {{"error", readable.error().message},
                                          {"effect", "its clicks are counted once it is"}});
    } else if (readable && journal_failing_) {
        log::info("journal_readable_again");
    }
    journal_failing_ = !readable;
}

void ClickCounting::Loop::frames(const SegmentId& segment, std::span<const std::byte> run) {
    const std::lock_guard lock(counts_mutex_);
    const auto before = fold_.records();
    fold_.add(segment.shard, run);
    counted_.fetch_add(fold_.records() - before, std::memory_order_relaxed);
}

void ClickCounting::Loop::take_flight() {
    const std::lock_guard lock(counts_mutex_);
    CountBatch batch;
    for (const ShardReader& tail : tails_) {
        const Cursor from = flushed_[tail.shard()];
        if (from == tail.at()) continue;
        batch.moves.push_back({tail.shard(), from, tail.at()});
        if (tail.at().epoch == journal_.directory().identity().epoch) {
            flight_records_[tail.shard()] = tail.sequence();
        }
    }
    if (batch.moves.empty()) return;
    batch.clicks = fold_.clicks().sorted();
    batch.events = fold_.events();
    flight_size_ = fold_.records();
    fold_.clear();
    flight_ = std::move(batch);
}

/// True when the store has everything that was read.
bool ClickCounting::Loop::flush_now() {
    // Twice, when a flight had to wait: what was read since then follows it.
    while (true) {
        if (!flight_) take_flight();
        if (!flight_) return true;
        const auto applied = store_.apply(*flight_);
        if (applied) {
            flight_landed();
        } else if (applied.error().code == Errc::conflict) {
            if (!settle_conflict()) return false;
        } else {
            store_failed(applied.error());
            return false;
        }
    }
}

void ClickCounting::Loop::flight_landed() {
    CountBatch landed;
    {
        const std::lock_guard lock(counts_mutex_);
        ++revision_;
        landed = std::move(*flight_);
        flight_.reset();
    }
    for (const auto& move : landed.moves) flushed_[move.shard] = move.to;
    std::uint64_t records = 0;
    for (const auto& [shard, sequence] : flight_records_) records += sequence;
    flushed_records_ = records;
    for (const ClickCount& count : landed.clicks) {
        since_checkpoint_.clicks().add(
            count.link_id, CountTable::tag(count.shard, count.click_class, 0), count.count);
    }
    records_since_checkpoint_ += flight_size_;
    flushes_.fetch_add(1, std::memory_order_relaxed);
    if (retry_ns_ != 0) log::info("store_answers_again");
    retry_ns_ = not_before_ns_ = 0;
    tell_landed(landed);
}

void ClickCounting::Loop::tell_landed(const CountBatch& landed) {
    if (config_.observers.empty()) return;
    const std::vector<ProducerCursor> cursors = flushed_cursors();
    const std::int64_t now_ns = monotonic_ns();
    const LandedCounts told{landed, cursors, revision_, now_ns - landed_ns_, behind_};
    landed_ns_ = now_ns;
    for (CountObserver* const observer : config_.observers) observer->landed(told);
}

std::vector<ProducerCursor> ClickCounting::Loop::flushed_cursors() const {
    std::vector<ProducerCursor> cursors;
    for (const auto& [shard, at] : flushed_) cursors.push_back({shard, at});
    return cursors;
}

/// The store is not where the batch begins: it took the batch although it said otherwise (a commit
/// whose outcome was lost), or someone else changed it, and then everything is taken up from what
/// it says.
bool ClickCounting::Loop::settle_conflict() {
    const auto stored = store_.cursors();
    if (!stored) {
        store_failed(stored.error());
        return false;
    }
    const bool taken = std::all_of(
        flight_->moves.begin(), flight_->moves.end(),
        [&](const auto& move) { return cursor_of(stored->value, move.shard) == move.to; });
    if (taken) {
        {
            const std::lock_guard lock(counts_mutex_);
            revision_ = stored->revision - 1;
        }
        flight_landed();
        return true;
    }
    log::warn("store_moved_by_another", {{"effect", "counting begins again at its cursors"}});
    prepared_ = false;
    return false;
}

void ClickCounting::Loop::store_failed(const Error& failure) {
    flush_failures_.fetch_add(1, std::memory_order_relaxed);
    if (retry_ns_ == 0) {
        log::error("store_failed",
                   {{"error", failure.message}, {"effect", "counts wait in the journal"}});
    }
    retry_ns_ = retry_pause_ns(retry_ns_);
    not_before_ns_ = monotonic_ns() + retry_ns_;
}

void ClickCounting::Loop::retain() {
    next_retain_ns_ = monotonic_ns() + retain_every_ns;
    std::vector<ProducerCursor> stored = flushed_cursors();
    for (const SegmentHolder* const holder : config_.holders) {
        stored = earlier_of(stored, holder->held_from());
    }
    const auto tidy = [&] {
        return retain_segments(journal_.directory().journal(), stored,
                               covered_for_good_ ? covered_ : std::vector<ProducerCursor>(),
                               config_.keep, wall_ms(), journal_.full());
    };
    auto report = tidy();
    if (report && report->checkpoint_needed && monotonic_ns() >= next_checkpoint_ns_ &&
        write_checkpoint()) {
        report = tidy();
    }
    if (!report) return note_journal(report.error());
    journal_bytes_ = report->bytes;
    segments_ = report->segments;
}

}  // namespace qck::clicks
