#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace qck::clicks {

/// Which file of the journal. Orders by time of writing within a shard.
struct SegmentId {
    std::uint16_t shard = 0;
    std::uint32_t epoch = 0;
    std::uint32_t number = 0;  ///< from 0 in each epoch
    friend auto operator<=>(const SegmentId&, const SegmentId&) = default;

    /// `0007-000012.seg`.
    std::string file_name() const;
    /// `JOURNAL/3/0007-000012.seg`.
    std::filesystem::path path(const std::filesystem::path& journal) const;
};

/// The segments of one shard that are on disk, in order. A shard without a folder has none.
Result<std::vector<SegmentId>> list_segments(const std::filesystem::path& journal,
                                             std::uint16_t shard);
/// Shards that have a folder, in order.
Result<std::vector<std::uint16_t>> list_shards(const std::filesystem::path& journal);

/// The first bytes of a segment file. Written when the segment is taken into use, so that a spare
/// which never was is known by its zeros.
struct SegmentHeader {
    std::uint64_t magic = 0;
    std::uint32_t version = 0;
    std::uint32_t crc = 0;  ///< of the header with this field 0
    std::uint64_t node = 0;
    std::uint32_t shard = 0;
    std::uint32_t epoch = 0;
    std::uint32_t number = 0;
    std::uint32_t segment_bytes = 0;
    std::uint64_t base_sequence = 0;  ///< of the first record
    std::uint64_t started_ms = 0;
    std::uint64_t reserved = 0;
};
inline constexpr std::size_t segment_header_bytes = 64;
static_assert(sizeof(SegmentHeader) == segment_header_bytes);

SegmentHeader make_header(std::uint64_t node, const SegmentId& id, std::uint32_t segment_bytes,
                          std::uint64_t base_sequence, std::uint64_t started_ms);
/// Errc::corrupt when it is damaged or of another program.
Result<void> check_header(const SegmentHeader& header, const SegmentId& id);
/// Begins the checksum of every frame of the segment.
std::uint32_t frame_seed(std::uint64_t node, const SegmentId& id);

inline constexpr std::uint64_t segment_bytes_min = 64 * 1024;
inline constexpr std::uint64_t segment_bytes_max = std::uint64_t{1} << 31;

/// A segment file mapped for writing; its blocks are allocated, so a store into it cannot fail for
/// want of space. Not thread-safe, but for populate() and drop(), which may run beside the writer.
class Segment {
public:
    /// Makes the file. Errc::unavailable when the disk is full.
    static Result<std::unique_ptr<Segment>> create(const std::filesystem::path& journal,
                                                   const SegmentId& id, std::uint32_t bytes,
                                                   bool sync_entry);
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    const SegmentId& id() const { return id_; }
    std::uint32_t bytes() const { return bytes_; }
    std::byte* data() { return data_; }

    /// Makes pages writable without a fault later; a hint. Offsets are rounded to pages.
    void populate(std::uint32_t from, std::uint32_t to);
    /// Lets go of this process's view of pages that were written; the page cache keeps them.
    void drop(std::uint32_t from, std::uint32_t to);

    Segment* next = nullptr;  ///< in a list of retired segments

private:
    Segment(const SegmentId& id, std::byte* data, std::uint32_t bytes)
        : id_(id), data_(data), bytes_(bytes) {}
    SegmentId id_;
    std::byte* data_;
    std::uint32_t bytes_;
};

/// Writes the entries of a directory to the disk.
Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace qck::clicks
