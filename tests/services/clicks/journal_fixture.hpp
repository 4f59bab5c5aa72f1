#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/clicks/click_counting.hpp"
#include "services/clicks/data_directory.hpp"
#include "services/clicks/frame.hpp"
#include "services/clicks/journal.hpp"
#include "services/clicks/shard_reader.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace qck::clicks::test {

inline constexpr std::int64_t some_time_ms = 1'780'000'000'000;

template <class T>
T take(Result<T> result) {
    INFO((result ? std::string() : result.error().message));
    REQUIRE(result.has_value());
    return std::move(*result);
}

inline Click click_on(std::uint64_t link_id, ClickClass click_class = ClickClass::human,
                      std::int64_t time_ms = some_time_ms) {
    Click click;
    click.link_id = link_id;
    click.click_class = click_class;
    click.time_ms = time_ms;
    click.ip.kind = 4;
    click.ip.bytes = {192, 0, 2, 0};
    return click;
}

/// Segments small enough that tests roll often.
inline JournalConfig small_journal(std::uint16_t shards = 1) {
    JournalConfig config;
    config.shards = shards;
    config.segment_bytes = segment_bytes_min;
    return config;
}

/// Counting that flushes at once and keeps every segment.
inline CountingConfig quick_counting() {
    CountingConfig config;
    config.tail_every = std::chrono::milliseconds(2);
    config.flush_every = std::chrono::milliseconds(2);
    return config;
}

/// One start of a service, as far as clicks go.
struct Service {
    explicit Service(const std::filesystem::path& path, JournalConfig config = small_journal(),
                     CountingConfig counting_config = quick_counting())
        : directory(take(DataDirectory::open(path, "test"))),
          journal(take(Journal::open(*directory, config))),
          store(take(sqlite::SqliteClickStore::open(directory->clicks_database(),
                                                    directory->identity().node))),
          counting(take(ClickCounting::start(*journal, *store, counting_config))) {}

    void flush() { REQUIRE(counting->flush(std::chrono::seconds(20))); }
    std::uint64_t stored(std::uint64_t link_id) {
        return take(store->link_totals(link_id)).value.sum();
    }

    std::unique_ptr<DataDirectory> directory;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<sqlite::SqliteClickStore> store;
    std::unique_ptr<ClickCounting> counting;
};

/// Everything that can be read from a shard, and every place that cannot.
struct Contents final : RecordSink {
    std::map<std::uint64_t, std::uint64_t> by_link;
    std::vector<Event> events;
    std::map<std::uint16_t, std::string> agents;
    std::vector<Damage> damages;
    std::uint64_t records = 0;

    void frames(const SegmentId&, std::span<const std::byte> run) override {
        for_each_frame(run, [this](const Frame& frame) {
            if (frame.is_record()) ++records;
            if (frame.is_click()) ++by_link[frame.link_id()];
            if (frame.type() == FrameType::user_agent) agents[frame.string_id()] = frame.string();
        });
    }
    void damage(const Damage& damage) override { damages.push_back(damage); }
    std::uint64_t lost() const {
        std::uint64_t sum = 0;
        for (const auto& damage : damages) sum += damage.records_lost;
        return sum;
    }
};

inline void read_shard(const std::filesystem::path& path, std::uint16_t shard, Contents& contents,
                       const Cursor& limit = journal_end) {
    ShardReader::Options options;
    options.journal = path / "journal";
    options.node = take(DataDirectory::peek(path)).node;
    options.shard = shard;
    ShardReader reader(options, {});
    ReadBuffer buffer;
    for (bool done = false; !done;) done = take(reader.read(limit, 1 << 20, buffer, contents));
}

inline std::filesystem::path segment_path(const std::filesystem::path& path, std::uint16_t shard,
                                          std::size_t nth) {
    const auto segments = take(list_segments(path / "journal", shard));
    REQUIRE(nth < segments.size());
    return segments[nth].path(path / "journal");
}

}  // namespace qck::clicks::test
