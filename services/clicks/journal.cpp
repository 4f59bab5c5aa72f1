#include "services/clicks/journal.hpp"

#include <string>

#include "base/units.hpp"
#include "services/clicks/segment.hpp"
#include "services/clicks/segment_supply.hpp"

namespace qck::clicks {

Result<JournalKeep> parse_journal_keep(std::string_view text) {
    JournalKeep keep;
    for (std::string_view rest = text;;) {
        const auto comma = rest.find(',');
        const auto part = rest.substr(0, comma);
        // A bare number would be bytes, which nobody means.
        const bool bare = part.find_first_not_of("0123456789.") == std::string_view::npos;
        if (bare) {
            return error(Errc::invalid_argument,
                         "'" + std::string(text) + "' is not a time and a size (try 24h,8GB)");
        }
        if (const auto time = parse_duration(part)) {
            keep.time = std::chrono::duration_cast<std::chrono::seconds>(*time);
        } else if (const auto bytes = parse_bytes(part)) {
            keep.bytes = *bytes;
        } else {
            return error(Errc::invalid_argument,
                         "'" + std::string(text) + "' is not a time and a size (try 24h,8GB)");
        }
        if (comma == std::string_view::npos) return keep;
        rest.remove_prefix(comma + 1);
    }
}

Result<JournalFull> parse_journal_full(std::string_view text) {
    if (text == "refuse") return JournalFull::refuse;
    if (text == "uncounted") return JournalFull::uncounted;
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not what to do (refuse or uncounted)");
}

Journal::Journal(const DataDirectory& directory, const JournalConfig& config)
    : directory_(directory), config_(config) {}

Journal::~Journal() = default;

bool Journal::full() const { return supply_->full(); }

Result<std::unique_ptr<Journal>> Journal::open(const DataDirectory& directory,
                                               const JournalConfig& config) {
    if (config.shards == 0 || config.segment_bytes < segment_bytes_min ||
        config.segment_bytes > segment_bytes_max || config.segment_bytes % 4096 != 0) {
        return error(Errc::invalid_argument,
                     "a journal needs a shard, and segments of 64KB to 2GB in whole pages");
    }
    std::unique_ptr<Journal> journal(new Journal(directory, config));
    SegmentSupply::Options options;
    options.journal = directory.journal();
    options.node = directory.identity().node;
    options.epoch = directory.identity().epoch;
    options.segment_bytes = static_cast<std::uint32_t>(config.segment_bytes);
    options.sync_directory = config.power_safe;
    journal->supply_ = std::make_unique<SegmentSupply>(options, config.shards);
    if (auto opened = journal->supply_->open(); !opened) return opened.error();
    if (config.power_safe) {
        // The folders of the shards, the journal's and the data directory's own entry, from the
        // innermost out: a click is as safe as the names that lead to it.
        auto folder = std::filesystem::absolute(directory.journal());
        for (int level = 0; level < 3; ++level, folder = folder.parent_path()) {
            if (auto synced = sync_directory(folder); !synced) return synced.error();
        }
    }
    for (std::uint16_t shard = 0; shard < config.shards; ++shard) {
        journal->shards_.push_back(std::make_unique<JournalShard>(shard, *journal->supply_));
    }
    return journal;
}

}  // namespace qck::clicks
