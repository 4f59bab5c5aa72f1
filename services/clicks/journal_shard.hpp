#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "services/clicks/classify.hpp"
#include "services/clicks/click.hpp"

namespace qck::clicks {

class Segment;
class SegmentSupply;
class StringDictionary;

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
    ~JournalShard();
    JournalShard(const JournalShard&) = delete;
    JournalShard& operator=(const JournalShard&) = delete;

    /// False: the journal is full, nothing was written.
    bool append(const Click& click) noexcept;
    /// A click that came with its own key (POST /v1/clicks).
    bool append(const Click& click, const EventKey& key) noexcept;
    bool append(const Event& event) noexcept;

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
    JournalShard(std::uint16_t number, std::uint32_t epoch, SegmentSupply& supply);

    /// Only the owner writes, so no read-modify-write is needed.
    static void bump(std::atomic<std::uint64_t>& counter) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    std::uint16_t number_;
    std::uint32_t epoch_;
    SegmentSupply& supply_;
    std::atomic<std::uint64_t> position_{0};
    std::atomic<std::uint64_t> sequence_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> uncounted_{0};
    std::unique_ptr<StringDictionary> agents_;
    std::unique_ptr<StringDictionary> referrers_;
};

}  // namespace qck::clicks
