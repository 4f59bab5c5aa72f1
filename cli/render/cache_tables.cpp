#include "cli/render/cache_tables.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/render/table.hpp"

namespace qck::render {
namespace {

using Json = nlohmann::ordered_json;

std::uint64_t count_of(const Json& json, const char* name) {
    const auto at = json.find(name);
    return at != json.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

std::string age_text(std::uint64_t ms) {
    if (ms < 1000) return "< 1 s";
    return format_duration(std::chrono::seconds(ms / 1000));
}

/// A reactor, or the sum of them.
struct Row {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t bytes_max = 0;
    std::uint64_t pinned = 0;
    std::uint64_t stale = 0;
    LevelCounts levels;
    std::optional<std::uint64_t> oldest_ms;
    std::optional<std::uint64_t> median_ms;

    static Row of(const Json& reactor) {
        Row row;
        row.entries = count_of(reactor, "entries");
        row.bytes = count_of(reactor, "bytes");
        row.bytes_max = count_of(reactor, "bytes_max");
        row.pinned = count_of(reactor, "pinned");
        row.stale = count_of(reactor, "stale_hits");
        row.levels = LevelCounts::from_json(reactor);
        if (const auto age = reactor.find("age"); age != reactor.end() && age->is_object()) {
            row.oldest_ms = count_of(*age, "oldest_ms");
            row.median_ms = count_of(*age, "median_ms");
        }
        return row;
    }
    void add(const Row& other) {
        entries += other.entries;
        bytes += other.bytes;
        bytes_max += other.bytes_max;
        pinned += other.pinned;
        stale += other.stale;
        levels += other.levels;
        if (other.oldest_ms) oldest_ms = std::max(oldest_ms.value_or(0), *other.oldest_ms);
    }
    std::vector<std::string> cells(std::string name) const {
        const auto shares = level_shares(levels);
        const auto share = [&](double LevelShares::*level) {
            return shares ? percent((*shares).*level) : std::string("-");
        };
        const auto age = [](const std::optional<std::uint64_t>& ms) {
            return ms ? age_text(*ms) : std::string("-");
        };
        return {std::move(name),
                format_count(entries),
                format_bytes(bytes) + " of " + format_bytes(bytes_max),
                format_count(pinned),
                share(&LevelShares::l1),
                levels.has_redis ? share(&LevelShares::redis) : "-",
                share(&LevelShares::store),
                format_count(stale),
                age(median_ms),
                age(oldest_ms)};
    }
};

}  // namespace

LevelCounts LevelCounts::from_json(const Json& cache) {
    LevelCounts counts;
    counts.l1_hits = count_of(cache, "hits");
    counts.l1_misses = count_of(cache, "misses");
    if (const auto redis = cache.find("redis"); redis != cache.end() && redis->is_object()) {
        counts.has_redis = true;
        counts.redis_hits = count_of(*redis, "hits");
        counts.redis_misses = count_of(*redis, "misses") + count_of(*redis, "failures");
    }
    return counts;
}

LevelCounts& LevelCounts::operator+=(const LevelCounts& other) {
    l1_hits += other.l1_hits;
    l1_misses += other.l1_misses;
    redis_hits += other.redis_hits;
    redis_misses += other.redis_misses;
    has_redis = has_redis || other.has_redis;
    return *this;
}

LevelCounts LevelCounts::operator-(const LevelCounts& before) const {
    const auto since = [](std::uint64_t now, std::uint64_t then) {
        return now > then ? now - then : 0;
    };
    LevelCounts counts = *this;
    counts.l1_hits = since(l1_hits, before.l1_hits);
    counts.l1_misses = since(l1_misses, before.l1_misses);
    counts.redis_hits = since(redis_hits, before.redis_hits);
    counts.redis_misses = since(redis_misses, before.redis_misses);
    return counts;
}

std::optional<LevelShares> level_shares(const LevelCounts& counts) {
    const auto ratio = [](std::uint64_t hits, std::uint64_t misses) {
        const std::uint64_t all = hits + misses;
        return all == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(all);
    };
    if (counts.l1_hits + counts.l1_misses == 0) return std::nullopt;
    LevelShares shares;
    shares.l1 = ratio(counts.l1_hits, counts.l1_misses);
    shares.redis = (1 - shares.l1) * ratio(counts.redis_hits, counts.redis_misses);
    shares.store = std::max(0.0, 1 - shares.l1 - shares.redis);
    return shares;
}

std::string percent(double share) {
    // Rounded towards the middle: what happened is not shown as never, nor the exception as none.
    double shown = std::round(share * 10'000) / 100;
    if (share < 1) shown = std::min(shown, 99.99);
    if (share > 1e-9) shown = std::max(shown, 0.01);
    char text[16];
    std::snprintf(text, sizeof text, "%.2f %%", shown);
    return text;
}

std::string cache_tables(const Json& stats, const Terminal& terminal) {
    using Align = Table::Align;
    Table table({{"REACTOR"},
                 {"ENTRIES", Align::right},
                 {"BYTES", Align::right},
                 {"PINNED", Align::right},
                 {"L1", Align::right},
                 {"REDIS", Align::right},
                 {"STORE", Align::right},
                 {"STALE", Align::right},
                 {"MEDIAN AGE", Align::right},
                 {"OLDEST", Align::right}});
    Row all;
    std::size_t number = 0;
    for (const auto& reactor : stats.value("reactors", Json::array())) {
        const Row row = Row::of(reactor);
        all.add(row);
        table.add(row.cells(std::to_string(number++)));
    }
    table.add(all.cells("all"));
    // Not cut to the terminal: figures would be lost.
    std::string out = table.text();
    const auto hottest = stats.value("hottest", Json::array());
    if (hottest.empty()) return out;
    Table links({{"HOTTEST", Align::left, true}, {"CLICKS", Align::right}});
    for (const auto& link : hottest) {
        links.add({plain_if_needed(terminal, link.value("code", std::string())),
                   format_count(count_of(link, "clicks"))});
    }
    return out + "\n" + links.text(static_cast<std::size_t>(terminal.width));
}

}  // namespace qck::render
