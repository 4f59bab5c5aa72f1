// What a delivery keeps in the data directory, and what it reads there.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/log.hpp"
#include "base/whole_file.hpp"
#include "services/clicks/count_fold.hpp"
#include "services/clicks/segment_retention.hpp"
#include "services/clicks/total_delivery.hpp"

namespace qck::clicks {
namespace {

constexpr std::size_t dirty_read_bytes = 4 << 20;

/// Whether the journal has all from `begin` on. Retention removes the oldest segments of a shard
/// first, so nothing after a segment that is there is missing; when it is not there one cannot
/// know.
bool is_whole(const std::filesystem::path& journal, std::uint16_t shard, const Cursor& begin) {
    const Cursor at = begin == Cursor{} ? journal_begin : begin;
    std::error_code failure;
    return std::filesystem::exists(SegmentId{shard, at.epoch, at.segment}.path(journal), failure);
}

class JournalTouchedLinks final : public TouchedLinks {
public:
    JournalTouchedLinks(std::filesystem::path journal, std::uint64_t node)
        : journal_(std::move(journal)), node_(node) {}

    Result<Found> read(const std::vector<ProducerCursor>& from,
                       const std::vector<ProducerCursor>& to, std::size_t links_max) override {
        Found found;
        CountFold fold(CountFold::Keep::totals);
        FoldSink sink(fold);
        for (const ProducerCursor& limit : to) {
            const Cursor begin = cursor_of(from, limit.shard);
            if (begin >= limit.at || fold.size() >= links_max) {
                found.reached.push_back({limit.shard, std::min(begin, limit.at)});
                continue;
            }
            if (!is_whole(journal_, limit.shard, begin)) {
                found.gap = true;
                return found;
            }
            ShardReader reader({journal_, node_, limit.shard, false}, begin);
            bool done = false;
            while (!done && fold.size() < links_max) {
                const auto read = reader.read(limit.at, dirty_read_bytes, buffer_, sink);
                if (!read) return read.error();
                done = *read;
            }
            found.reached.push_back({limit.shard, done ? limit.at : reader.at()});
        }
        found.gap = sink.places() > 0;
        for (const ClickCount& count : fold.clicks().sorted()) {
            if (found.links.empty() || found.links.back() != count.link_id) {
                found.links.push_back(count.link_id);
            }
        }
        return found;
    }

private:
    std::filesystem::path journal_;
    std::uint64_t node_;
    ReadBuffer buffer_;
};

/// {"node": "…", "target": "…", "incarnation": "…", "cursors": [[shard, epoch, segment, offset],
/// …], "owed": [id, …]}
class CursorFile final : public PositionFile {
public:
    CursorFile(const DataDirectory& directory, std::string_view name, std::string_view target)
        : folder_(directory.path() / "delivery"),
          file_(folder_ / (std::string(name) + ".cursor")),
          node_(directory.identity().node),
          target_(target) {}

    std::optional<DeliveryPosition> load() override {
        std::ifstream in(file_);
        if (!in) return std::nullopt;
        const auto json = nlohmann::json::parse(in, nullptr, false);
        try {
            if (json.at("node").get<std::uint64_t>() != node_ ||
                json.at("target").get<std::string>() != target_) {
                log::info("delivering_everything",
                          {{"file", file_.string()}, {"why", "it is of another store"}});
                return std::nullopt;
            }
            DeliveryPosition position;
            for (const auto& row : json.at("cursors")) {
                position.cursors.push_back(
                    {row.at(0).get<std::uint16_t>(),
                     {row.at(1).get<std::uint32_t>(), row.at(2).get<std::uint32_t>(),
                      row.at(3).get<std::uint32_t>()}});
            }
            position.owed = json.at("owed").get<std::vector<std::uint64_t>>();
            position.incarnation = json.value("incarnation", std::string());
            return position;
        } catch (const nlohmann::json::exception& failure) {
            log::warn("delivering_everything", {{"file", file_.string()}, {"why", failure.what()}});
            return std::nullopt;
        }
    }

    Result<void> save(const std::optional<DeliveryPosition>& position) override {
        std::error_code failure;
        if (!position) {
            std::filesystem::remove(file_, failure);
            if (failure) return error(Errc::io, "cannot remove " + file_.string());
            return {};
        }
        std::filesystem::create_directories(folder_, failure);
        nlohmann::json json{{"node", node_},
                            {"target", target_},
                            {"incarnation", position->incarnation},
                            {"cursors", nlohmann::json::array()},
                            {"owed", position->owed}};
        for (const auto& cursor : position->cursors) {
            json["cursors"].push_back(
                {cursor.shard, cursor.at.epoch, cursor.at.segment, cursor.at.offset});
        }
        return write_whole_file(file_.string(), json.dump() + "\n");
    }

private:
    std::filesystem::path folder_;
    std::filesystem::path file_;
    std::uint64_t node_;
    std::string target_;
};

}  // namespace

std::unique_ptr<TouchedLinks> touched_links(const DataDirectory& directory) {
    return std::make_unique<JournalTouchedLinks>(directory.journal(), directory.identity().node);
}

std::unique_ptr<PositionFile> position_file(const DataDirectory& directory, std::string_view name,
                                            std::string_view target) {
    return std::make_unique<CursorFile>(directory, name, target);
}

}  // namespace qck::clicks
