#include "services/reconcile/journal_minutes.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "services/clicks/data_directory.hpp"
#include "services/clicks/segment_retention.hpp"
#include "services/clicks/shard_reader.hpp"
#include "services/reconcile/reading.hpp"

namespace qck::reconcile {
namespace {

using clicks::EventId;
using clicks::ShardReader;
using Visit = std::function<void(const KeptClick&)>;
using Limits = std::optional<std::vector<clicks::ProducerCursor>>;

/// Stores keep 32 bits of seconds.
constexpr std::int64_t time_s_max = UINT32_MAX;

/// Numbers the records of one shard, and notes where some are missing.
class StretchSink final : public clicks::RecordSink {
public:
    StretchSink(std::uint64_t node, std::vector<EventStretch>& stretches,
                const std::function<void(const KeptClick&)>& visit)
        : node_hash_(int_hash_64(node)), stretches_(stretches), visit_(visit) {}

    void read_from(const clicks::ShardReader& reader) {
        reader_ = &reader;
        next_.reset();
    }

    void frames(const clicks::SegmentId& segment, std::span<const std::byte> run) override {
        const std::uint64_t of_epoch = epoch_hash(node_hash_, segment.shard, segment.epoch);
        const std::uint64_t base = reader_->base_sequence();
        clicks::for_each_frame(run, [&](const clicks::Frame& frame) {
            if (!frame.is_record()) return;
            const EventId id{segment.shard, segment.epoch, base + frame.index()};
            note(id);
            if (frame.is_click()) visit_({id, of_epoch, frame});
        });
    }
    void damage(const clicks::Damage&) override {}

private:
    void note(const EventId& id) {
        // A new epoch begins at 0.
        const bool goes_on =
            next_ && (id == *next_ || (id.epoch > next_->epoch && id.sequence == 0));
        if (goes_on) {
            stretches_.back().last = id;
        } else {
            stretches_.push_back({id, id});
        }
        next_ = EventId{id.shard, id.epoch, id.sequence + 1};
    }

    const std::uint64_t node_hash_;
    std::vector<EventStretch>& stretches_;
    const std::function<void(const KeptClick&)>& visit_;
    const clicks::ShardReader* reader_ = nullptr;
    std::optional<EventId> next_;
};

std::size_t readers_max() { return std::max(std::thread::hardware_concurrency(), 2U); }

/// One shard, from its oldest segment on.
Result<void> read_shard(const ShardReader::Options& options, const clicks::Cursor& limit,
                        StretchSink& sink) {
    ShardReader reader(options, {});
    sink.read_from(reader);
    clicks::ReadBuffer buffer;
    for (bool done = false; !done;) {
        const auto read = reader.read(limit, read_bytes, buffer, sink);
        if (!read) return read.error();
        done = *read;
    }
    return {};
}

/// Every shard with a visitor of its own, `readers` of them at a time; `visit_of` is called before.
Result<std::vector<EventStretch>> read_shards(
    const std::filesystem::path& data_dir, const Limits& limits, std::size_t readers,
    const std::function<Visit(std::size_t shard_place)>& visit_of) {
    const auto identity = clicks::DataDirectory::peek(data_dir);
    if (!identity) return identity.error();
    const auto journal = data_dir / "journal";
    const auto shards = clicks::list_shards(journal);
    if (!shards) return shards.error();
    struct Part {
        Visit visit;
        std::vector<EventStretch> stretches;
        Result<void> done;
    };
    std::vector<Part> parts(shards->size());
    for (std::size_t at = 0; at < parts.size(); ++at) parts[at].visit = visit_of(at);
    std::atomic<std::size_t> next = 0;
    const auto read_some = [&] {
        for (std::size_t at = next++; at < parts.size(); at = next++) {
            Part& part = parts[at];
            const std::uint16_t shard = (*shards)[at];
            StretchSink sink(identity->node, part.stretches, part.visit);
            ShardReader::Options options;
            options.journal = journal;
            options.node = identity->node;
            options.shard = shard;
            part.done = read_shard(
                options, limits ? clicks::cursor_of(*limits, shard) : clicks::journal_end, sink);
        }
    };
    std::vector<std::future<void>> others;
    for (std::size_t reader = 1; reader < std::min(readers, parts.size()); ++reader) {
        others.push_back(std::async(std::launch::async, read_some));
    }
    read_some();
    for (auto& other : others) other.get();
    std::vector<EventStretch> stretches;
    for (Part& part : parts) {
        if (!part.done) return part.done.error();
        stretches.insert(stretches.end(), part.stretches.begin(), part.stretches.end());
    }
    std::sort(stretches.begin(), stretches.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    return stretches;
}

struct LinkMinute {
    std::uint64_t link_id;
    std::uint32_t minute;
    friend bool operator==(const LinkMinute&, const LinkMinute&) = default;
};
struct LinkMinuteHash {
    std::size_t operator()(const LinkMinute& key) const {
        return int_hash_64(key.link_id ^ std::uint64_t{key.minute} << 32);
    }
};

}  // namespace

bool MinuteScope::has(std::uint64_t link_id) const {
    if (!only_links.empty() && !std::binary_search(only_links.begin(), only_links.end(), link_id)) {
        return false;
    }
    return except_links.empty() ||
           !std::binary_search(except_links.begin(), except_links.end(), link_id);
}

std::uint32_t KeptClick::minute() const {
    return static_cast<std::uint32_t>(std::min(frame.time_ms() / 1000, time_s_max) / 60);
}

Result<std::vector<EventStretch>> each_kept_click(const std::filesystem::path& data_dir,
                                                  const Limits& limits, const Visit& visit) {
    return read_shards(data_dir, limits, 1, [&](std::size_t) { return visit; });
}

Result<std::vector<MinuteDigest>> kept_by_minute(const std::filesystem::path& data_dir,
                                                 const Limits& limits, MinuteScope& scope) {
    using Digests = std::unordered_map<std::uint32_t, EventDigest>;
    const bool every_link = scope.only_links.empty() && scope.except_links.empty();
    std::deque<Digests> by_shard;
    const auto visit_of = [&](std::size_t) -> Visit {
        Digests& digests = by_shard.emplace_back();
        EventDigest* last = nullptr;  // clicks of a minute follow each other
        std::uint32_t last_minute = 0;
        return [&, last, last_minute](const KeptClick& click) mutable {
            const std::uint32_t minute = click.minute();
            if (minute < scope.first_minute || minute > scope.last_minute) return;
            if (!every_link && !scope.has(click.frame.link_id())) return;
            if (last == nullptr || minute != last_minute) {
                last = &digests[minute];
                last_minute = minute;
            }
            last->add(click.hash());
        };
    };
    auto stretches = read_shards(data_dir, limits, readers_max(), visit_of);
    if (!stretches) return stretches.error();
    scope.stretches = std::move(*stretches);
    std::map<std::uint32_t, EventDigest> all;
    for (const Digests& digests : by_shard) {
        for (const auto& [minute, digest] : digests) all[minute].add(digest);
    }
    std::vector<MinuteDigest> minutes;
    minutes.reserve(all.size());
    for (const auto& [minute, digest] : all) minutes.push_back({0, minute, digest});
    if (!minutes.empty()) {
        scope.first_minute = minutes.front().minute;
        scope.last_minute = minutes.back().minute;
    }
    return minutes;
}

Result<std::vector<MinuteDigest>> kept_by_link(const std::filesystem::path& data_dir,
                                               const Limits& limits, const MinuteScope& scope,
                                               std::span<const std::uint32_t> minutes) {
    std::unordered_map<LinkMinute, EventDigest, LinkMinuteHash> digests;
    const auto stretches = each_kept_click(data_dir, limits, [&](const KeptClick& click) {
        const std::uint32_t minute = click.minute();
        if (!std::binary_search(minutes.begin(), minutes.end(), minute)) return;
        const std::uint64_t link = click.frame.link_id();
        if (scope.has(link)) digests[{link, minute}].add(click.hash());
    });
    if (!stretches) return stretches.error();
    if (*stretches != scope.stretches) {
        return error(Errc::conflict, "segments of the journal went while they were compared");
    }
    std::vector<MinuteDigest> found;
    found.reserve(digests.size());
    for (const auto& [key, digest] : digests) found.push_back({key.link_id, key.minute, digest});
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::pair(a.link_id, a.minute) < std::pair(b.link_id, b.minute);
    });
    return found;
}

}  // namespace qck::reconcile
