#include "services/clicks/segment_retention.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include "services/clicks/damage_log.hpp"
#include "services/clicks/segment.hpp"

namespace qck::clicks {
namespace {

struct Kept {
    SegmentId id{};
    std::filesystem::path path;
    std::int64_t written_ms = 0;
    std::uint64_t bytes = 0;
    bool aside = false;  ///< a copy of a damaged segment: nothing is counted from it
};

bool before(const SegmentId& id, const Cursor& cursor) {
    return id.epoch < cursor.epoch || (id.epoch == cursor.epoch && id.number < cursor.segment);
}

void add_file(std::vector<Kept>& all, Kept kept) {
    struct stat about {};
    if (::stat(kept.path.c_str(), &about) != 0) return;  // gone meanwhile
    kept.written_ms = about.st_mtim.tv_sec * std::int64_t{1000};
    kept.bytes = static_cast<std::uint64_t>(about.st_blocks) * 512;
    all.push_back(std::move(kept));
}

Result<std::vector<Kept>> survey(const std::filesystem::path& journal) {
    const auto shards = list_shards(journal);
    if (!shards) return shards.error();
    std::vector<Kept> all;
    for (const auto shard : *shards) {
        const auto segments = list_segments(journal, shard);
        if (!segments) return segments.error();
        for (const auto& id : *segments) {
            add_file(all, {id, id.path(journal)});
        }
    }
    std::error_code none;
    for (std::filesystem::directory_iterator at(aside_folder(journal), none);
         !none && at != std::filesystem::directory_iterator(); at.increment(none)) {
        add_file(all, {.path = at->path(), .aside = true});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Kept& a, const Kept& b) { return a.written_ms < b.written_ms; });
    return all;
}

}  // namespace

Cursor cursor_of(const std::vector<ProducerCursor>& cursors, std::uint16_t shard) {
    const auto found =
        std::find_if(cursors.begin(), cursors.end(),
                     [shard](const ProducerCursor& cursor) { return cursor.shard == shard; });
    return found == cursors.end() ? Cursor{} : found->at;
}

std::vector<ProducerCursor> earlier_of(const std::vector<ProducerCursor>& a,
                                       const std::vector<ProducerCursor>& b) {
    std::vector<ProducerCursor> earlier;
    for (const auto& cursor : a) {
        earlier.push_back({cursor.shard, std::min(cursor.at, cursor_of(b, cursor.shard))});
    }
    return earlier;
}

Result<RetentionReport> retain_segments(const std::filesystem::path& journal,
                                        const std::vector<ProducerCursor>& stored,
                                        const std::vector<ProducerCursor>& covered,
                                        const JournalKeep& keep, std::int64_t now_ms,
                                        bool make_room) {
    const auto all = survey(journal);
    if (!all) return all.error();
    RetentionReport report;
    for (const Kept& kept : *all) {
        report.bytes += kept.bytes;
        if (!kept.aside) ++report.segments;
    }

    const std::int64_t keep_ms = std::chrono::milliseconds(keep.time).count();
    for (const Kept& kept : *all) {
        const bool expired = now_ms - kept.written_ms > keep_ms || report.bytes > keep.bytes;
        if (!expired && !make_room) continue;
        if (!kept.aside) {
            if (!before(kept.id, cursor_of(stored, kept.id.shard))) continue;
            if (!before(kept.id, cursor_of(covered, kept.id.shard))) {
                report.checkpoint_needed = true;
                continue;
            }
        }
        std::error_code failure;
        if (!std::filesystem::remove(kept.path, failure)) continue;
        make_room = false;
        ++report.removed;
        if (!kept.aside) --report.segments;
        report.bytes -= std::min(report.bytes, kept.bytes);
    }
    return report;
}

}  // namespace qck::clicks
