#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "services/clicks/classify.hpp"
#include "services/clicks/click.hpp"
#include "services/clicks/string_dictionary.hpp"

namespace qck::clicks {

class SegmentSupply;

/// A user agent in the dictionary of a shard.
struct Agent {
    std::uint16_t id = 0;
    AgentKind kind = AgentKind::human;
};

/// One producer's part of the journal: clicks of one thread, in order, in memory-mapped files.
///
/// A click is in the journal when append() returns true, and stays there through kill -9: its bytes
/// are in the page cache, committed by the release store of its first word. Its event id is
/// (producer = node and shard, epoch, sequence); sequences of an epoch are dense, from 0.
///
/// Appending is a few stores: no lock, no allocation, no system call but at a segment's end and
/// once per MB (a wake-up of the thread that prepares what comes next). A full disk makes append()
/// return false, at once and without blocking, until there is room again.
///
/// append*() and the dictionary belong to one thread; everything else is thread-safe.
class JournalShard {
public:
    /// Shard `number` of `supply`, which outlives it; only Journal makes them.
    JournalShard(std::uint16_t number, SegmentSupply& supply);
    JournalShard(const JournalShard&) = delete;
    JournalShard& operator=(const JournalShard&) = delete;

    /// False: the journal is full, nothing was written.
    bool append(const Click& click) noexcept;
    /// A click that came with its own key (POST /v1/clicks).
    bool append(const Click& click, const EventKey& key) noexcept;
    bool append(const Event& event) noexcept;
    /// Makes sure that records which take `bytes` in all can be appended next without failing; the
    /// next segment is begun when this one has no room for them all. False: the journal is full, or
    /// `bytes` are more than a segment holds.
    bool reserve(std::size_t bytes) noexcept;

    /// Ids for a Click that is appended next: an id is good until the next call of the same
    /// function. An absent string and one that finds the dictionary full are 0. Strings are cut at
    /// 255 bytes.
    Agent user_agent(std::string_view text) noexcept;
    std::uint16_t referrer(std::string_view text) noexcept;

    /// How the caller answered when append() said false (--journal-full refuse|uncounted); for the
    /// metrics.
    void note_refused() noexcept { bump(refused_); }
    void note_uncounted() noexcept { bump(uncounted_); }

    std::uint16_t number() const { return number_; }
    std::uint32_t epoch() const { return epoch_; }
    /// Bytes of journal of this epoch so far; a DurabilitySyncer says up to which of them the disk
    /// has it.
    std::uint64_t appended_position() const noexcept {
        return position_.load(std::memory_order_acquire);
    }
    /// Records (clicks and events) appended in this epoch.
    std::uint64_t appended_records() const noexcept {
        return sequence_.load(std::memory_order_acquire);
    }
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
    std::uint64_t uncounted() const noexcept { return uncounted_.load(std::memory_order_relaxed); }

private:
    friend class Journal;

    /// Only the owner writes, so no read-modify-write is needed.
    static void bump(std::atomic<std::uint64_t>& counter) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    /// Everything an append may need besides a few stores: writes the strings that the segment
    /// lacks, moves the next wake-up, takes the next segment. False when the journal is full.
    bool prepare(std::size_t record_bytes, std::uint16_t agent, std::uint16_t referrer) noexcept;
    bool roll() noexcept;
    void write_string(std::uint8_t type, std::uint16_t id, std::string_view text) noexcept;
    bool ready(std::size_t record_bytes, std::uint16_t agent,
               std::uint16_t referrer) const noexcept;
    std::uint64_t* place() noexcept { return reinterpret_cast<std::uint64_t*>(data_ + offset_); }
    void appended(std::size_t bytes) noexcept;

    // The owner's, together in two cache lines.
    std::byte* data_ = nullptr;
    std::uint32_t offset_ = 0;
    std::uint32_t soft_limit_ = 0;  ///< beyond it prepare() has something to do
    std::uint32_t seed_ = 0;
    std::uint32_t index_ = 0;          ///< of the next record in the segment
    std::uint64_t base_position_ = 0;  ///< position_ of the segment's first byte
    std::uint64_t base_sequence_ = 0;
    StringDictionary agents_;
    StringDictionary referrers_;
    std::uint32_t keyed_records_ = 0;
    std::uint32_t capacity_ = 0;  ///< offset at which nothing but the end fits

    // Written by the owner, read by all.
    std::atomic<std::uint64_t> position_{0};
    std::atomic<std::uint64_t> sequence_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> uncounted_{0};

    std::uint16_t number_;
    std::uint32_t epoch_;
    SegmentSupply& supply_;
};

}  // namespace qck::clicks
