#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"
#include "services/clicks/segment.hpp"

namespace qck::clicks {

/// Bytes of the journal that could not be read as records, and what is known of what they held.
struct Damage {
    SegmentId segment;
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::uint64_t records_lost = 0;  ///< as far as the numbering of the records shows
    std::string what;
};

/// What a ShardReader hands on.
class RecordSink {
public:
    virtual ~RecordSink() = default;
    /// Frames that passed their checks (frame.hpp: for_each_frame), all of one segment and in
    /// order.
    virtual void frames(const SegmentId& segment, std::span<const std::byte> run) = 0;
    virtual void damage(const Damage& damage) = 0;
};

/// Memory that readers share; lent to one read at a time.
class ReadBuffer {
public:
    ReadBuffer() : words_(256 * 1024 / 8) {}
    std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(words_)); }

private:
    std::vector<std::uint64_t> words_;  ///< words, so that frames are aligned
};

/// Beyond everything that was ever written.
inline constexpr Cursor journal_end{UINT32_MAX, UINT32_MAX, UINT32_MAX};

/// Reads the records of one shard from a cursor on, across segments and epochs.
///
/// Everything is checked: a frame's checksum, and that records are numbered without a gap. At a
/// damaged place it goes on at the next frame that is whole, and reports what is between. A cut
/// segment gives what is left of it. Reads by pread, so a reader costs no mapped memory. Not
/// thread-safe.
class ShardReader {
public:
    struct Options {
        std::filesystem::path journal;
        std::uint64_t node = 0;
        std::uint16_t shard = 0;
        /// Segments of epochs before the limit's are finished when they were read: cut to their
        /// used length and ended; spares that were never begun are removed. For the one process
        /// that holds the directory.
        bool seal = false;
        /// As pread; for tests.
        std::function<ssize_t(int fd, void* to, std::size_t bytes, off_t at)> read_file = ::pread;
    };

    ShardReader(Options options, const Cursor& from);
    ~ShardReader();
    ShardReader(ShardReader&& other) noexcept;
    ShardReader& operator=(ShardReader&&) = delete;

    /// Hands on what lies before `limit`, at least `bytes_max` of it if there is so much. True when
    /// the limit is reached. `limit` is where a writer is, or a cursor of before, or journal_end
    /// when nobody writes. Fails when the journal cannot be listed, or a segment not be opened or
    /// not be read; nothing is passed over then, and the next call goes on there.
    Result<bool> read(const Cursor& limit, std::size_t bytes_max, ReadBuffer& buffer,
                      RecordSink& sink);

    /// Everything before it was handed on.
    const Cursor& at() const { return at_; }
    std::uint16_t shard() const { return options_.shard; }
    /// Of the next record, in the epoch of at(); meaningful once a record was read.
    std::uint64_t sequence() const { return base_sequence_ + index_; }
    /// Of the first record of the segment that is being handed on.
    std::uint64_t base_sequence() const { return base_sequence_; }

private:
    enum class Stop : std::uint8_t { more, blank, damaged, end };
    struct Run {
        std::size_t bytes = 0;
        Stop stop = Stop::more;
    };

    Result<bool> next_segment(const Cursor& limit);
    Result<bool> open(const Cursor& limit, RecordSink& sink);
    Result<void> begin_segment(const SegmentHeader* header, RecordSink& sink);
    void close();
    Result<void> read_open(std::uint32_t end, bool complete, std::size_t bytes_max,
                           ReadBuffer& buffer, RecordSink& sink);
    Run check_run(std::span<const std::byte> bytes);
    bool check_index(const std::byte* at);
    Result<void> read_blank(std::uint32_t end, bool complete, ReadBuffer& buffer, RecordSink& sink);
    Result<bool> ends_here(std::uint32_t end, ReadBuffer& buffer) const;
    Result<std::uint32_t> find_frame(std::uint32_t from, std::uint32_t end, ReadBuffer& buffer,
                                     std::uint32_t& index) const;
    Result<void> resynchronise(std::uint32_t end, ReadBuffer& buffer, RecordSink& sink,
                               const char* what);
    Result<std::uint32_t> next_data(std::uint32_t from, std::uint32_t end,
                                    ReadBuffer& buffer) const;
    Result<std::size_t> fill(std::uint32_t from, std::uint32_t end, ReadBuffer& buffer) const;
    Error unreadable(int failure) const;
    void seal();

    Options options_;
    Cursor at_;
    int fd_ = -1;
    SegmentId id_;
    std::uint32_t seed_ = 0;
    std::uint32_t file_bytes_ = 0;
    std::uint32_t segment_bytes_ = 0;  ///< as allocated when it was begun; 0 when unknown
    bool begun_ = false;               ///< has a header; else a spare
    bool ended_ = false;               ///< its end frame was read
    bool finished_ = false;            ///< nothing more is to come from it
    bool index_known_ = false;
    std::uint32_t index_ = 0;
    std::uint64_t base_sequence_ = 0;
    bool sequence_known_ = false;
};

}  // namespace qck::clicks
