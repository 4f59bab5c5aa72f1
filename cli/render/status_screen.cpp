#include "cli/render/status_screen.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/units.hpp"
#include "cli/render/table.hpp"

namespace qck::render {
namespace {

constexpr std::size_t status_label_columns = 11;
constexpr std::size_t modes_shown = 8;
constexpr std::size_t state_columns = 9;

std::string fixed(double value, int places) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", places, value);
    return text;
}

std::string time_of_day(std::int64_t at_ms) {
    const std::time_t seconds = at_ms / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[16];
    std::strftime(text, sizeof text, "%H:%M:%S", &parts);
    return text;
}

/// `3h12m`, `4m`, `12s`.
std::string uptime_text(std::uint64_t seconds) {
    if (seconds < 60) return std::to_string(seconds) + "s";
    if (seconds < 3600) return std::to_string(seconds / 60) + "m";
    return std::to_string(seconds / 3600) + "h" + std::to_string(seconds % 3600 / 60) + "m";
}

std::string rate_text(double per_s) {
    if (per_s < 0.05) return "0";
    return per_s < 10 ? fixed(per_s, 1) : format_rate(per_s);
}

std::string p99_text(const StatusView& view) {
    return view.p99_us ? fixed(*view.p99_us / 1000, 2) + " ms" : "-";
}

std::string instances_text(const StatusView& view) {
    std::string text = std::to_string(view.up());
    if (!view.down.empty()) text += " of " + std::to_string(view.instances);
    text += view.instances == 1 ? " instance" : " instances";
    text += " up";
    if (view.up() > 0) text += " " + uptime_text(view.uptime_s);
    return text;
}

std::string labelled(std::string_view label, const std::string& text) {
    return padded_right(label, status_label_columns) + text;
}

/// Below what it is about; where the screen is drawn again, on as many lines as it takes there.
std::string noted(const Terminal& terminal, Tone tone, std::string_view text) {
    constexpr int width_least = 40;
    std::string lines = plain_if_needed(terminal, text);
    if (terminal.redraws) {
        const auto width = static_cast<std::size_t>(std::max(terminal.width, width_least));
        lines = wrapped(lines, width - status_label_columns, 0);
    }
    std::string out;
    while (!lines.empty()) {
        const auto end = std::min(lines.find('\n'), lines.size());
        out += labelled("", toned(terminal, tone, lines.substr(0, end))) + "\n";
        lines.erase(0, end + 1);
    }
    return out;
}

std::string cache_text(const StatusView& view) {
    std::string text = "no lookups yet";
    if (view.levels) {
        text = "L1 " + percent(view.levels->l1);
        if (view.has_redis) text += "  Redis " + percent(view.levels->redis);
        text += "  store " + percent(view.levels->store);
    }
    text +=
        "   entries " + format_count(view.cache_entries) + "  " + format_bytes(view.cache_bytes);
    if (view.pinned > 0) text += "  pinned " + format_count(view.pinned);
    return text;
}

std::string modes_text(const StatusView& view, const Terminal& terminal) {
    if (view.modes.empty()) return "every link is normal";
    std::string text;
    for (std::size_t at = 0; at < std::min(view.modes.size(), modes_shown); ++at) {
        const ModeView& one = view.modes[at];
        const std::string mode = one.mode == "burst" ? "BURST" : one.mode;
        if (at > 0) text += "\n";
        text += toned(terminal, one.mode == "burst" ? Tone::warning : Tone::plain,
                      plain_if_needed(terminal, one.code) + "  " + mode) +
                " " + rate_text(one.clicks_per_s) + "/s since " + time_of_day(one.since_ms);
    }
    if (view.modes.size() > modes_shown) {
        text += "\nand " + format_count(view.modes.size() - modes_shown) + " more";
    }
    return text;
}

/// What is not well stands out.
std::string shown_state(const StoreView& store) {
    if (store.away) return "AWAY";
    return store.degraded ? "DEGRADED" : "ok";
}

std::string store_text(const StoreView& store, const Terminal& terminal) {
    const char* const unit = store.name == "clickhouse" ? " rows/s" : " totals/s";
    const std::string state = shown_state(store);
    const Tone tone = store.away ? Tone::bad : store.degraded ? Tone::warning : Tone::good;
    std::string text = toned(terminal, tone, state);
    text += std::string(state_columns - state.size(), ' ');
    text += padded_right(rate_text(store.delivered_per_s) + unit, 16);
    text += "lag " + padded_right(fixed(store.lag_s, 1) + " s", 9);
    text += "pending " + format_count(store.pending);
    if (store.pending > 0 && !store.pending_unit.empty()) text += " " + store.pending_unit;
    if (store.failures > 0) text += "   failures " + format_count(store.failures);
    return text;
}

}  // namespace

const char* state_name(const StoreView& store) {
    if (store.away) return "away";
    return store.degraded ? "degraded" : "ok";
}

std::string reason_text(const StoreView& store) {
    if (!store.next_try_s) return store.why;
    const auto left_s = static_cast<std::uint64_t>(std::ceil(*store.next_try_s));
    return store.why + "; next try " +
           (left_s == 0 ? std::string("now") : "in " + format_count(left_s) + " s");
}

std::string status_screen(const StatusView& view, const Terminal& terminal) {
    const bool errors = view.errors_per_s > 0;
    std::string out = padded_right("qck  " + instances_text(view), 37) + "redirects " +
                      rate_text(view.redirects_per_s) + "/s  p99 " + p99_text(view) + "  " +
                      toned(terminal, errors ? Tone::bad : Tone::plain,
                            "errors " + rate_text(view.errors_per_s) + (errors ? "/s" : "")) +
                      "\n";
    for (const std::string& why : view.down) {
        out += labelled("down", toned(terminal, Tone::bad, plain_if_needed(terminal, why))) + "\n";
    }
    if (view.up() == 0) return out;
    out += labelled("cache", cache_text(view)) + "\n";
    if (view.unheard > 0) {
        out += labelled("", toned(terminal, Tone::warning,
                                  std::to_string(view.unheard) +
                                      " without news of changes: read again every second")) +
               "\n";
    }
    std::string label = "modes";
    std::string modes = modes_text(view, terminal);
    while (!modes.empty()) {
        const auto end = std::min(modes.find('\n'), modes.size());
        out += labelled(label, modes.substr(0, end)) + "\n";
        modes.erase(0, end + 1);
        label.clear();
    }
    for (const StoreView& store : view.stores) {
        out += labelled(store.name, store_text(store, terminal)) + "\n";
        const Tone tone = store.away ? Tone::bad : Tone::warning;
        if (!store.cluster.empty()) {
            out += noted(terminal, store.cluster_ok ? Tone::plain : tone, store.cluster);
        }
        // The line of a cluster that is not well names its nodes.
        if (!store.why.empty() && (store.away || store.cluster_ok)) {
            out += noted(terminal, tone, reason_text(store));
        }
    }
    std::string limits;
    for (const LimitView& limit : view.limits) {
        limits += (limits.empty() ? "" : "    ") + limit.listener + " " +
                  (limit.alone == 0 ? "over all" : "each by itself") + ", refused " +
                  rate_text(limit.refused_per_s) + "/s";
    }
    if (!limits.empty()) out += labelled("limits", limits) + "\n";
    out += labelled("journal", format_bytes(view.journal_bytes) + ", oldest uncounted " +
                                   fixed(view.journal_lag_s, 1) + " s") +
           "\n";
    return out;
}

std::string status_line(const StatusView& view, std::int64_t now_ms) {
    std::string line = time_of_day(now_ms) + " up " + std::to_string(view.up()) + "/" +
                       std::to_string(view.instances) + " redirects " +
                       rate_text(view.redirects_per_s) + "/s p99 " + p99_text(view) + " errors " +
                       rate_text(view.errors_per_s) + "/s";
    if (view.levels) line += " l1 " + percent(view.levels->l1);
    for (const StoreView& store : view.stores) {
        line +=
            " " + store.name + " " + shown_state(store) + " lag " + fixed(store.lag_s, 1) + " s";
    }
    const auto bursts = std::count_if(view.modes.begin(), view.modes.end(),
                                      [](const ModeView& one) { return one.mode == "burst"; });
    if (bursts > 0) line += " bursts " + std::to_string(bursts);
    return line + "\n";
}

}  // namespace qck::render
