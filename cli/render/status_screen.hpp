#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/render/cache_tables.hpp"
#include "cli/render/terminal.hpp"

namespace qck::render {

/// A store that clicks are delivered to, over all instances.
struct StoreView {
    std::string name;
    bool away = false;          ///< left alone by somebody, or it takes nothing of what is tried
    double lag_s = 0;           ///< the longest
    std::uint64_t pending = 0;  ///< owed to it and not acknowledged
    double delivered_per_s = 0;
    std::uint64_t failures = 0;     ///< since the start
    std::string why = {};           ///< it is away, or degraded, as far as somebody says
    std::string pending_unit = {};  ///< `clicks`, about so many, or `links`
    std::string cluster = {};       ///< how its nodes are, in words; empty when it is one server
    bool cluster_ok = true;
    std::optional<double> next_try_s = {};  ///< while it is away, where somebody knows
    bool degraded = false;                  ///< nodes of it are down, and others do what they did
};

/// A limit of requests by client, over all instances.
struct LimitView {
    std::string listener;
    std::size_t instances = 0;  ///< that have it
    std::size_t alone = 0;      ///< of these, that limit by themselves
    double refused_per_s = 0;
};

struct ModeView {
    std::string code;
    std::string mode;
    double clicks_per_s = 0;
    std::int64_t since_ms = 0;  ///< since 1970
};

/// Everything that `qck status` shows, of all instances together.
struct StatusView {
    std::size_t instances = 0;      ///< asked
    std::vector<std::string> down;  ///< why, of each that did not answer: one line each
    std::uint64_t uptime_s = 0;     ///< the shortest
    double redirects_per_s = 0;
    std::optional<double> p99_us;  ///< empty when nothing was asked
    double errors_per_s = 0;
    std::optional<LevelShares> levels;
    bool has_redis = false;
    std::uint64_t cache_entries = 0;
    std::uint64_t cache_bytes = 0;
    std::uint64_t pinned = 0;
    std::size_t unheard = 0;  ///< instances that do not hear of others' changes
    std::vector<ModeView> modes;
    std::vector<StoreView> stores;
    std::vector<LimitView> limits;
    std::uint64_t journal_bytes = 0;
    double journal_lag_s = 0;

    std::size_t up() const { return instances - down.size(); }
};

/// `away`, `degraded` or `ok`.
const char* state_name(const StoreView& store);

/// Why it is not well, and when it is tried next: `connection refused; next try in 3 s`.
std::string reason_text(const StoreView& store);

/// One screen, ends with a line end; colour and width as the terminal has them. Times of day are
/// UTC.
std::string status_screen(const StatusView& view, const Terminal& terminal);
/// The same in one line, with the time in front; for what cannot redraw.
std::string status_line(const StatusView& view, std::int64_t now_ms);

}  // namespace qck::render
