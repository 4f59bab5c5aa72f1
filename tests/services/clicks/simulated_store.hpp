#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "services/clicks/event_shipper.hpp"

namespace qck::clicks::test {

/// A process that is killed here.
struct Crash {};

/// Draws of one history, all from its seed.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}
    bool chance(double share) { return random_.next_share() < share; }
    std::uint64_t below(std::uint64_t bound) { return random_.next() % bound; }

private:
    SplitMix64 random_;
};

/// A journal in memory: per shard epochs of segments of records; an offset counts records. Segments
/// that were removed are gone.
class SimulatedJournal final : public EventSource {
public:
    static constexpr std::uint32_t segment_records = 7;

    explicit SimulatedJournal(std::uint16_t shards) : records_(shards) {}

    void begin_epoch() { ++epoch_; }
    void append(std::uint16_t shard, std::uint64_t link_id) {
        auto& epochs = records_[shard];
        epochs[epoch_].push_back(link_id);
    }
    /// Every event id there is, with its link.
    std::map<EventId, std::uint64_t> all() const {
        std::map<EventId, std::uint64_t> ids;
        for (std::uint16_t shard = 0; shard < records_.size(); ++shard) {
            for (const auto& [epoch, links] : records_[shard]) {
                for (std::size_t n = 0; n < links.size(); ++n) ids[{shard, epoch, n}] = links[n];
            }
        }
        return ids;
    }

    /// Removes the segments that lie before what each of these shards needs.
    void remove_before(const std::vector<ProducerCursor>& needed) {
        for (const ProducerCursor& cursor : needed) {
            Cursor& kept = kept_from_[cursor.shard];
            kept = std::max(kept, Cursor{cursor.at.epoch, cursor.at.segment, 0});
        }
    }
    bool is_gone(const EventId& id) const {
        const auto kept = kept_from_.find(id.shard);
        return kept != kept_from_.end() && cursor_at(id.epoch, id.sequence) < kept->second;
    }

    std::vector<std::uint16_t> shards() override {
        std::vector<std::uint16_t> numbers(records_.size());
        for (std::uint16_t n = 0; n < numbers.size(); ++n) numbers[n] = n;
        return numbers;
    }
    Cursor end(std::uint16_t shard) override {
        const auto found = records_[shard].find(epoch_);
        return cursor_at(epoch_, found == records_[shard].end() ? 0 : found->second.size());
    }
    Result<Cursor> read(std::uint16_t shard, const Cursor& from, const Cursor& to,
                        const RowSelection& selection, std::size_t rows_max,
                        EventBatch& batch) override {
        std::size_t rows = 0;
        for (const auto& [epoch, links] : records_[shard]) {
            for (std::size_t n = 0; n < links.size(); ++n) {
                const Cursor at = cursor_at(epoch, n);
                if (at < from || is_gone({shard, epoch, n})) continue;
                if (!(at < to)) return to;
                if (rows >= rows_max) return at;
                const auto& except = selection.except_links;
                const bool wanted =
                    !selection.only_links.empty()
                        ? std::binary_search(selection.only_links.begin(),
                                             selection.only_links.end(), links[n])
                        : !std::binary_search(except.begin(), except.end(), links[n]);
                if (!wanted) continue;
                EventRow row;
                row.id = {shard, epoch, n};
                row.link_id = links[n];
                batch.rows.push_back(row);
                ++rows;
            }
        }
        return to;
    }

private:
    static Cursor cursor_at(std::uint32_t epoch, std::size_t record) {
        return {epoch, static_cast<std::uint32_t>(record / segment_records),
                static_cast<std::uint32_t>(record % segment_records)};
    }

    std::vector<std::map<std::uint32_t, std::vector<std::uint64_t>>> records_;
    std::map<std::uint16_t, Cursor> kept_from_;
    std::uint32_t epoch_ = 0;
};

/// A journal that is read from a wrong place while a batch is in hand: what a shipper would do that
/// does not know where that one ends.
class MisreadJournal final : public EventSource {
public:
    enum class From : std::uint8_t { right, batch_in_hand, record_later };

    MisreadJournal(SimulatedJournal& journal, From from) : journal_(journal), from_(from) {}
    void read_for(const EventShipper& shipper) { shipper_ = &shipper; }

    std::vector<std::uint16_t> shards() override { return journal_.shards(); }
    Cursor end(std::uint16_t shard) override { return journal_.end(shard); }
    Result<Cursor> read(std::uint16_t shard, const Cursor& from, const Cursor& to,
                        const RowSelection& selection, std::size_t rows_max,
                        EventBatch& batch) override {
        return journal_.read(shard, misread(shard, from), to, selection, rows_max, batch);
    }

private:
    Cursor misread(std::uint16_t shard, Cursor from) const {
        const bool in_hand = shipper_->state().next() == DeliveryState::Step::await;
        if (!in_hand || from_ == From::right) return from;
        if (from_ == From::batch_in_hand) return shipper_->state().cursor(shard);
        ++from.offset;
        return from;
    }

    SimulatedJournal& journal_;
    const From from_;
    const EventShipper* shipper_ = nullptr;
};

/// A cursor file that a crash leaves old or new.
class SimulatedFile final : public StateFile {
public:
    explicit SimulatedFile(Dice& dice) : dice_(dice) {}
    double crash_share = 0;

    Result<std::optional<std::string>> load() override { return text_; }
    Result<void> save(const std::string& text) override {
        if (dice_.chance(crash_share)) throw Crash{};
        if (dice_.chance(crash_share)) return error(Errc::io, "disk full");
        text_ = text;
        if (dice_.chance(crash_share)) throw Crash{};
        return {};
    }

private:
    Dice& dice_;
    std::optional<std::string> text_;
};

/// A store with every fault that a real one behind a network can have. It does what the contract of
/// EventSink demands and no more: present() fails while something sent may still arrive.
class FaultyStore final : public EventSink {
public:
    explicit FaultyStore(Dice& dice) : dice_(dice) {}
    double fault_share = 0;
    double crash_share = 0;

    std::string_view name() const override { return "simulated"; }

    Result<void> send(const EventBatch& batch) override {
        if (awaited_) throw std::logic_error("sent before the outcome of the one before is known");
        if (dice_.chance(crash_share)) throw Crash{};
        if (dice_.chance(fault_share / 4)) return fault(batch.rows);
        awaited_ = batch.rows;
        // The process may be gone before it looks at the answer.
        if (dice_.chance(crash_share)) throw Crash{};
        return {};
    }

    Result<void> outcome() override {
        const auto rows = std::exchange(awaited_, std::nullopt).value();
        if (dice_.chance(crash_share)) throw Crash{};
        if (dice_.chance(fault_share)) return fault(rows);
        take(rows, rows.size());
        if (dice_.chance(crash_share)) throw Crash{};
        return {};
    }

    /// The next batch may be read and prepared while one is under way; a crash then finds both.
    void prepare(const EventBatch&) override {
        if (dice_.chance(crash_share)) throw Crash{};
    }

    Result<std::vector<EventId>> present(const EventBatch& batch) override {
        if (dice_.chance(crash_share)) throw Crash{};
        if (!late_.empty()) {
            if (dice_.chance(0.5)) return error(Errc::unavailable, "it still runs");
            take(late_, dice_.chance(0.5) ? late_.size() : dice_.below(late_.size() + 1));
            late_.clear();
        }
        if (dice_.chance(fault_share)) return error(Errc::timed_out, "no answer in time");
        std::vector<EventId> found;
        for (const EventRow& row : batch.rows) {
            if (rows_.contains(row.id)) found.push_back(row.id);
        }
        return found;
    }

    /// The process that sent is gone: what it had under way arrives, in part, or some time after.
    void process_gone() {
        const auto rows = std::exchange(awaited_, std::nullopt);
        if (!rows) return;
        if (dice_.chance(0.5)) {
            late_ = *rows;
        } else {
            take(*rows, dice_.below(rows->size() + 1));
        }
    }

    /// What was acknowledged last was not on the disk. What is lost.
    std::vector<EventId> lose_tail() {
        const std::size_t lost = dice_.below(order_.size() + 1);
        std::vector<EventId> tail(order_.end() - static_cast<std::ptrdiff_t>(lost), order_.end());
        for (const EventId& id : tail) rows_.erase(id);
        order_.resize(order_.size() - lost);
        return tail;
    }
    std::size_t stored() const { return order_.size(); }
    /// Each event id and how often it is there.
    std::map<EventId, std::uint64_t> counts() const {
        std::map<EventId, std::uint64_t> counts;
        for (const EventId& id : order_) ++counts[id];
        return counts;
    }

private:
    Result<void> fault(const std::vector<EventRow>& rows) {
        switch (dice_.below(5)) {
            case 0:  // the request is lost
                break;
            case 1:  // the reply is lost
                take(rows, rows.size());
                break;
            case 2:  // half done, no reply
                take(rows, dice_.below(rows.size() + 1));
                break;
            case 3:  // late: it is done some time after the reply was given up
                late_ = rows;
                break;
            default:  // it is done, then our process dies before the reply
                take(rows, rows.size());
                throw Crash{};
        }
        return error(Errc::timed_out, "no answer in time");
    }

    void take(const std::vector<EventRow>& rows, std::size_t count) {
        for (std::size_t n = 0; n < count; ++n) {
            rows_.insert(rows[n].id);
            order_.push_back(rows[n].id);
        }
    }

    Dice& dice_;
    std::set<EventId> rows_;
    std::vector<EventId> order_;
    std::vector<EventRow> late_;
    std::optional<std::vector<EventRow>> awaited_;  ///< sent, and not answered yet
};

}  // namespace qck::clicks::test
