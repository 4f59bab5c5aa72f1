#include "services/clicks/journal_scan.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "services/clicks/data_directory.hpp"
#include "services/clicks/frame.hpp"
#include "services/clicks/shard_reader.hpp"

namespace qck::clicks {
namespace {

class KeySink final : public RecordSink {
public:
    explicit KeySink(const std::function<void(const EventKey&, std::int64_t)>& visit)
        : visit_(visit) {}
    void frames(const SegmentId&, std::span<const std::byte> run) override {
        for_each_frame(run, [this](const Frame& frame) {
            if (frame.type() != FrameType::event && frame.type() != FrameType::edge_click) return;
            const EventKey key = frame.key();
            if (key == EventKey{}) return;
            visit_(key, frame.time_ms());
        });
    }
    void damage(const Damage&) override {}

private:
    const std::function<void(const EventKey&, std::int64_t)>& visit_;
};

/// Whether the end frame says that no record has a key; one that is not ended may have some.
bool keyless(int fd, off_t bytes, const SegmentId& id) {
    SegmentHeader header;
    if (bytes < static_cast<off_t>(sizeof header + end_bytes) ||
        ::pread(fd, &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
        !check_header(header, id)) {
        return false;
    }
    // The end stands in the last bytes of a sealed segment; of one that was rolled, up to a record
    // before.
    std::uint64_t words[(frame_bytes_max + end_bytes) / 8] = {};
    const auto window = std::min<off_t>(sizeof words, bytes - static_cast<off_t>(sizeof header));
    const off_t from = (bytes - window) & ~off_t{frame_align - 1};
    const auto got = ::pread(fd, words, static_cast<std::size_t>(window), from);
    const std::uint32_t seed = frame_seed(header.node, id);
    for (off_t at = 0; at + static_cast<off_t>(end_bytes) <= got; at += frame_align) {
        const Frame frame{reinterpret_cast<const std::byte*>(words) + at};
        if (plausible_frame(frame.word(0)) && frame.type() == FrameType::end &&
            intact_frame(frame, seed)) {
            return frame.keyed_records() == 0;
        }
    }
    return false;
}

/// Without keys, as far as its end says.
bool may_skip(const std::filesystem::path& path, const SegmentId& id) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;  // reading it says why
    struct stat about {};
    const bool skip = ::fstat(fd, &about) == 0 && keyless(fd, about.st_size, id);
    ::close(fd);
    return skip;
}

}  // namespace

Result<void> scan_keys(const std::filesystem::path& data_directory,
                       const std::function<void(const EventKey&, std::int64_t)>& visit) {
    const auto identity = DataDirectory::peek(data_directory);
    if (!identity) return identity.error();
    const auto journal = data_directory / "journal";
    const auto shards = list_shards(journal);
    if (!shards) return shards.error();
    // In the order of their writing: one shard of an epoch has keys, but which one changes with the
    // number of threads, and the last keys are the ones that a window must not lose.
    std::vector<SegmentId> ids;
    for (const auto shard : *shards) {
        const auto segments = list_segments(journal, shard);
        if (!segments) return segments.error();
        ids.insert(ids.end(), segments->begin(), segments->end());
    }
    std::sort(ids.begin(), ids.end(), [](const SegmentId& a, const SegmentId& b) {
        return std::tie(a.epoch, a.number, a.shard) < std::tie(b.epoch, b.number, b.shard);
    });
    ReadBuffer buffer;
    KeySink sink(visit);
    for (const auto& id : ids) {
        if (may_skip(id.path(journal), id)) continue;
        ShardReader::Options options;
        options.journal = journal;
        options.node = identity->node;
        options.shard = id.shard;
        ShardReader reader(options, {id.epoch, id.number, 0});
        const Cursor limit{id.epoch, id.number + 1, 0};
        for (bool done = false; !done;) {
            const auto read = reader.read(limit, SIZE_MAX, buffer, sink);
            if (!read) return read.error();
            done = *read;
        }
    }
    return {};
}

}  // namespace qck::clicks
