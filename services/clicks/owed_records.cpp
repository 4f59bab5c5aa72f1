#include "services/clicks/owed_records.hpp"

#include <algorithm>
#include <system_error>
#include <vector>

#include "services/clicks/frame.hpp"
#include "services/clicks/segment.hpp"

namespace qck::clicks {
namespace {

/// Bytes of records from `from` on up to `to` in one epoch.
std::uint64_t bytes_of_epoch(const Cursor& from, const Cursor& to, std::uint64_t segment_bytes) {
    const auto behind_header = [](std::uint32_t offset) {
        return std::max<std::uint64_t>(offset, segment_header_bytes) - segment_header_bytes;
    };
    const std::uint64_t whole =
        (to.segment - from.segment) * (segment_bytes - segment_header_bytes);
    const std::uint64_t end = whole + behind_header(to.offset);
    return end - std::min(end, behind_header(from.offset));
}

/// Bytes of the epochs before that of `to`; they are cut to what they have.
std::uint64_t bytes_of_earlier(const std::filesystem::path& journal, const Stretch& stretch) {
    const auto segments = list_segments(journal, stretch.shard);
    if (!segments) return 0;
    std::uint64_t bytes = 0;
    for (const SegmentId& id : *segments) {
        const Cursor begin{id.epoch, id.number, 0};
        if (begin < Cursor{stretch.from.epoch, stretch.from.segment, 0}) continue;
        if (id.epoch >= stretch.to.epoch) break;
        std::error_code gone;
        const std::uint64_t size = std::filesystem::file_size(id.path(journal), gone);
        if (gone) continue;
        const bool first = id.epoch == stretch.from.epoch && id.number == stretch.from.segment;
        const auto from =
            std::max<std::uint64_t>(first ? stretch.from.offset : 0, segment_header_bytes);
        bytes += size - std::min(size, from);
    }
    return bytes;
}

}  // namespace

std::uint64_t about_clicks(const std::filesystem::path& journal, std::uint64_t segment_bytes,
                           const Stretch& stretch) {
    if (!(stretch.from < stretch.to)) return 0;
    std::uint64_t bytes = 0;
    if (stretch.from.epoch == stretch.to.epoch) {
        bytes = bytes_of_epoch(stretch.from, stretch.to, segment_bytes);
    } else {
        bytes = bytes_of_earlier(journal, stretch) +
                bytes_of_epoch({stretch.to.epoch, 0, 0}, stretch.to, segment_bytes);
    }
    return std::max<std::uint64_t>(1, (bytes + click_bytes - 1) / click_bytes);
}

std::uint64_t about_clicks(const std::filesystem::path& journal, std::uint64_t segment_bytes,
                           std::span<const DeferredStretch> deferred) {
    std::vector<Stretch> stretches;
    for (const DeferredStretch& one : deferred) stretches.push_back(one.stretch);
    std::sort(stretches.begin(), stretches.end(), [](const Stretch& a, const Stretch& b) {
        return a.shard != b.shard ? a.shard < b.shard : a.from < b.from;
    });
    std::uint64_t clicks = 0;
    Stretch open;
    for (const Stretch& next : stretches) {
        const bool goes_on = open.shard == next.shard && !(open.to < next.from);
        if (goes_on) {
            open.to = std::max(open.to, next.to);
            continue;
        }
        clicks += about_clicks(journal, segment_bytes, open);
        open = next;
    }
    return clicks + about_clicks(journal, segment_bytes, open);
}

}  // namespace qck::clicks
