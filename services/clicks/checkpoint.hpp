#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "services/clicks/click_store.hpp"

namespace qck::clicks {

/// A checkpoint file: the absolute totals of every link, by producer and class, up to a cursor of
/// each producer. With the segments after it, it is the journal's count; older segments may go.
///
/// A header, the cursors, then totals in order of (link, shard, class) as differences in blocks
/// with checksums, some 5 bytes a total. Replaced as a whole and never changed.
class CheckpointReader {
public:
    /// Errc::not_found when there is none, Errc::corrupt when it is damaged anywhere (all of it is
    /// read).
    static Result<CheckpointReader> open(const std::filesystem::path& file, std::uint64_t node);

    /// Whose it is and how far it goes.
    struct Head {
        std::uint64_t node = 0;
        std::vector<ProducerCursor> cursors;
    };
    /// As open(), reading no totals: what follows the head may be damaged.
    static Result<Head> head(const std::filesystem::path& file);

    const std::vector<ProducerCursor>& cursors() const { return head_.cursors; }
    /// The next total, or false at the end.
    Result<bool> next(ProducerTotal& total);

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    CheckpointReader(std::unique_ptr<std::FILE, Close> file, std::string path)
        : file_(std::move(file)), path_(std::move(path)) {}
    static Result<CheckpointReader> open_head(const std::filesystem::path& file);
    Result<bool> read_block();
    Result<void> read_header();
    Error damaged(const char* what) const;

    std::unique_ptr<std::FILE, Close> file_;
    std::string path_;
    Head head_;
    std::uint32_t crc_ = 0;  ///< runs over all blocks, so that none can be left out
    std::string block_;
    std::size_t block_at_ = 0;
    std::uint64_t last_link_ = 0;
    bool done_ = false;
};

/// Writes a checkpoint beside the old one; finish() puts it in its place.
class CheckpointWriter {
public:
    static Result<CheckpointWriter> create(const std::filesystem::path& file, std::uint64_t node,
                                           const std::vector<ProducerCursor>& cursors);
    CheckpointWriter(CheckpointWriter&&) noexcept = default;
    /// Removes what was not finished.
    ~CheckpointWriter();

    /// In order of (link, shard, class).
    Result<void> add(const ProducerTotal& total);
    /// Written to the disk, then renamed: a crash leaves the old file or this one.
    Result<void> finish();

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    CheckpointWriter(std::unique_ptr<std::FILE, Close> out, std::filesystem::path file,
                     std::filesystem::path fresh)
        : out_(std::move(out)), file_(std::move(file)), fresh_(std::move(fresh)) {}
    Result<void> write(const void* data, std::size_t bytes);
    Result<void> write_block();

    std::unique_ptr<std::FILE, Close> out_;
    std::filesystem::path file_;
    std::filesystem::path fresh_;
    std::uint32_t crc_ = 0;
    std::string block_;
    std::uint64_t last_link_ = 0;
};

/// The totals of a checkpoint (null: none) and of what was counted since, as one sequence in order
/// of (link, shard, class). Both outlive it.
class MergedTotals {
public:
    /// `counts` are sorted by link, shard, class, hour (CountTable::sorted).
    MergedTotals(CheckpointReader* before, const std::vector<ClickCount>& counts)
        : before_(before), counts_(counts) {}
    /// The next total, or false at the end.
    Result<bool> next(ProducerTotal& total);

private:
    Result<void> next_old();

    CheckpointReader* before_;
    const std::vector<ClickCount>& counts_;
    std::size_t at_ = 0;
    ProducerTotal old_;
    bool has_old_ = false;
    bool begun_ = false;
};

/// A new checkpoint of `before` (null: none) and the sorted `counts` since, at `cursors`.
Result<void> advance_checkpoint(const std::filesystem::path& file, std::uint64_t node,
                                CheckpointReader* before, const std::vector<ClickCount>& counts,
                                const std::vector<ProducerCursor>& cursors);

}  // namespace qck::clicks
