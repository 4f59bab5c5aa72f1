#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/render/terminal.hpp"

namespace qck::render {

/// Lookups by the level that answered them; those of Redis are of what L1 lacked or read again.
struct LevelCounts {
    std::uint64_t l1_hits = 0;
    std::uint64_t l1_misses = 0;
    std::uint64_t redis_hits = 0;
    std::uint64_t redis_misses = 0;  ///< failures too
    bool has_redis = false;

    /// Of `cache` as the admin listener says it: {hits, misses, redis: {hits, misses, failures}}.
    static LevelCounts from_json(const nlohmann::ordered_json& cache);
    LevelCounts& operator+=(const LevelCounts& other);
    LevelCounts operator-(const LevelCounts& before) const;
};

/// Which part of all lookups each level answered; they sum to 1.
struct LevelShares {
    double l1 = 0;
    double redis = 0;
    double store = 0;
};
/// Empty when there were no lookups.
std::optional<LevelShares> level_shares(const LevelCounts& counts);

/// `99.71 %`, of which 100.00 is only said of all.
std::string percent(double share);

/// What GET /v1/cache/stats answered: a line a reactor and one of all, then the hottest links.
std::string cache_tables(const nlohmann::ordered_json& stats, const Terminal& terminal);

}  // namespace qck::render
