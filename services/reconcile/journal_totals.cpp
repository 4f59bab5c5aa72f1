#include "services/reconcile/journal_totals.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "services/clicks/count_fold.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/clicks/segment_retention.hpp"
#include "services/clicks/shard_reader.hpp"
#include "services/reconcile/reading.hpp"

namespace qck::reconcile {
namespace {

using clicks::Cursor;
using clicks::ProducerCursor;

using Limits = std::optional<std::vector<ProducerCursor>>;

/// Reads every shard from its cursor in `from` to its limit; the cursors that were reached.
Result<std::vector<ProducerCursor>> read_shards(const std::filesystem::path& data_dir,
                                                std::uint64_t node,
                                                const std::vector<ProducerCursor>& from,
                                                const Limits& limits, clicks::RecordSink& sink) {
    const auto journal = data_dir / "journal";
    const auto shards = clicks::list_shards(journal);
    if (!shards) return shards.error();
    std::vector<ProducerCursor> ends;
    clicks::ReadBuffer buffer;
    for (const auto shard : *shards) {
        clicks::ShardReader::Options options;
        options.journal = journal;
        options.node = node;
        options.shard = shard;
        clicks::ShardReader reader(std::move(options), clicks::cursor_of(from, shard));
        const Cursor limit = limits ? clicks::cursor_of(*limits, shard) : clicks::journal_end;
        for (bool done = false; !done;) {
            const auto read = reader.read(limit, read_bytes, buffer, sink);
            if (!read) return read.error();
            done = *read;
        }
        ends.push_back({shard, reader.at()});
    }
    return ends;
}

Result<std::optional<clicks::CheckpointReader>> open_checkpoint(
    const std::filesystem::path& data_dir, std::uint64_t node) {
    auto opened = clicks::CheckpointReader::open(data_dir / "checkpoint", node);
    if (opened) return std::optional<clicks::CheckpointReader>(std::move(*opened));
    if (opened.error().code == Errc::not_found) return std::optional<clicks::CheckpointReader>();
    return opened.error();
}

bool same(const std::vector<ProducerCursor>& a, const std::vector<ProducerCursor>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const ProducerCursor& x, const ProducerCursor& y) {
                          return x.shard == y.shard && x.at == y.at;
                      });
}

bool beyond(const std::vector<ProducerCursor>& cursors, const std::vector<ProducerCursor>& limits) {
    return std::any_of(cursors.begin(), cursors.end(), [&](const ProducerCursor& cursor) {
        return clicks::cursor_of(limits, cursor.shard) < cursor.at;
    });
}

std::vector<ProducerCursor> cursors_of(const std::optional<clicks::CheckpointReader>& checkpoint) {
    return checkpoint ? checkpoint->cursors() : std::vector<ProducerCursor>();
}

}  // namespace

Result<JournalTotals> fold_journal(const std::filesystem::path& data_dir, const Limits& limits) {
    const auto identity = clicks::DataDirectory::peek(data_dir);
    if (!identity) return identity.error();
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        JournalTotals totals;
        auto checkpoint = open_checkpoint(data_dir, identity->node);
        if (!checkpoint) return checkpoint.error();
        totals.checkpoint = std::move(*checkpoint);
        const auto begin = cursors_of(totals.checkpoint);

        if (limits && beyond(begin, *limits)) {
            return error(Errc::conflict, "the checkpoint went past the cursors to compare at");
        }
        clicks::CountFold fold(clicks::CountFold::Keep::totals);
        clicks::FoldSink sink(fold);
        auto ends = read_shards(data_dir, identity->node, begin, limits, sink);
        if (!ends) return ends.error();
        const auto now = open_checkpoint(data_dir, identity->node);
        if (!now) return now.error();
        if (!same(begin, cursors_of(*now))) continue;

        totals.since = fold.clicks().sorted();
        totals.ends = std::move(*ends);
        totals.corrupt_places = sink.places();
        return totals;
    }
    return error(Errc::unavailable,
                 "the journal of " + data_dir.string() + " changes too fast to be read; try again");
}

Result<clicks::CountBatch> fold_between(const std::filesystem::path& data_dir,
                                        const std::vector<ProducerCursor>& from, const Limits& to) {
    const auto identity = clicks::DataDirectory::peek(data_dir);
    if (!identity) return identity.error();
    clicks::CountFold fold;
    clicks::FoldSink sink(fold);
    const auto ends = read_shards(data_dir, identity->node, from, to, sink);
    if (!ends) return ends.error();
    clicks::CountBatch batch;
    batch.clicks = fold.clicks().sorted();
    batch.events = fold.events();
    return batch;
}

Result<JournaledSince> journaled_since(const std::filesystem::path& data_dir,
                                       const std::vector<ProducerCursor>& from) {
    const auto identity = clicks::DataDirectory::peek(data_dir);
    if (!identity) return identity.error();
    clicks::CountFold fold(clicks::CountFold::Keep::totals);
    clicks::FoldSink sink(fold);
    const auto ends = read_shards(data_dir, identity->node, from, std::nullopt, sink);
    if (!ends) return ends.error();
    JournaledSince since;
    since.records = fold.records();
    since.whole = sink.places() == 0;
    for (const clicks::ClickCount& count : fold.clicks().sorted()) {
        auto& clicks = since.clicks;
        if (clicks.empty() || clicks.back().link_id != count.link_id) {
            clicks.push_back({count.link_id, 0});
        }
        clicks.back().clicks += count.count;
    }
    return since;
}

Result<std::vector<std::uint64_t>> links_clicked_since(const std::filesystem::path& data_dir,
                                                       std::int64_t since_ms) {
    const auto counts = fold_between(data_dir, {}, std::nullopt);
    if (!counts) return counts.error();
    constexpr std::int64_t hour_ms = 3'600'000;
    std::vector<std::uint64_t> links;
    for (const auto& count : counts->clicks) {
        const bool recent = count.hour * hour_ms + hour_ms > since_ms;
        if (recent && (links.empty() || links.back() != count.link_id)) {
            links.push_back(count.link_id);
        }
    }
    return links;
}

}  // namespace qck::reconcile
