#include "cli/commands/status_view.hpp"

#include <algorithm>

namespace qck::commands {
namespace {

using Json = nlohmann::ordered_json;
using render::StatusView;
using render::StoreView;

std::uint64_t count_of(const Json& json, const char* name) {
    const auto at = json.find(name);
    return at != json.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

double number_of(const Json& json, const char* name) {
    const auto at = json.find(name);
    return at != json.end() && at->is_number() ? at->get<double>() : 0;
}

const Json& part_of(const Json& json, const char* name) {
    static const Json nothing = Json::object();
    const auto at = json.find(name);
    return at != json.end() ? *at : nothing;
}

/// Since the reading before; of a service that began anew meanwhile, since it began.
std::uint64_t since(std::uint64_t now, std::uint64_t then) {
    return now >= then ? now - then : now;
}

/// Collects instances into a view.
class Merging {
public:
    explicit Merging(StatusView& view) : view_(view) {}

    void add(const Json& status) {
        const std::uint64_t uptime = count_of(status, "uptime_s");
        view_.uptime_s = first_ ? uptime : std::min(view_.uptime_s, uptime);
        first_ = false;
        const Json& cache = part_of(status, "cache");
        view_.cache_entries += count_of(cache, "entries");
        view_.cache_bytes += count_of(cache, "bytes");
        view_.pinned += count_of(cache, "pinned");
        levels_ += render::LevelCounts::from_json(cache);
        const Json& journal = part_of(status, "journal");
        view_.journal_bytes += count_of(journal, "bytes");
        view_.journal_lag_s = std::max(view_.journal_lag_s, number_of(journal, "lag_s"));
        const Json& changes = part_of(status, "link_changes");
        if (changes.contains("heard") && changes["heard"] == false) ++view_.unheard;
        add_modes(part_of(status, "modes"));
        for (const auto& store : part_of(status, "stores")) {
            StoreView& known = store_of(store);
            if (store.value("away", false)) {
                known.away = true;
                known.why = store.value("why", std::string());
                known.next_try_s.reset();
                if (store.contains("next_try_s")) known.next_try_s = number_of(store, "next_try_s");
            } else if (store.value("state", std::string()) == "degraded") {
                known.degraded = true;
                if (!known.away) known.why = store.value("why", std::string());
            }
            known.lag_s = std::max(known.lag_s, number_of(store, "lag_s"));
            known.pending += count_of(store, "pending");
            known.pending_unit = store.value("pending_unit", std::string());
            known.failures += count_of(store, "failures");
            add_cluster(known, part_of(store, "cluster"));
        }
        add_limits(part_of(status, "limits"));
    }

    void add_limits(const Json& limits) {
        for (const auto& limit : limits) {
            render::LimitView& known = limit_of(limit);
            ++known.instances;
            if (!limit.value("shared", false)) ++known.alone;
        }
    }

    void add_rates(const Json& before, const Json& now, double seconds) {
        if (seconds <= 0) return;
        const auto rate = [&](const char* name) {
            return static_cast<double>(since(count_of(now, name), count_of(before, name))) /
                   seconds;
        };
        view_.redirects_per_s += rate("redirects");
        view_.errors_per_s += rate("unavailable");
        recent_levels_ += render::LevelCounts::from_json(part_of(now, "cache")) -
                          render::LevelCounts::from_json(part_of(before, "cache"));
        add_latency(part_of(before, "latency_us"), part_of(now, "latency_us"));
        for (const auto& limit : part_of(now, "limits")) {
            for (const auto& old : part_of(before, "limits")) {
                if (old.value("listener", "") != limit.value("listener", "")) continue;
                const auto refused = since(count_of(limit, "refused"), count_of(old, "refused"));
                limit_of(limit).refused_per_s += static_cast<double>(refused) / seconds;
            }
        }
        for (const auto& store : part_of(now, "stores")) {
            for (const auto& old : part_of(before, "stores")) {
                if (old.value("store", "") != store.value("store", "")) continue;
                const auto done = since(count_of(store, "delivered"), count_of(old, "delivered"));
                StoreView& known = store_of(store);
                known.delivered_per_s += static_cast<double>(done) / seconds;
                // It was tried, and nothing of it was taken.
                if (done == 0 && count_of(store, "failures") > count_of(old, "failures")) {
                    known.away = true;
                }
            }
        }
    }

    void finish() {
        view_.has_redis = levels_.has_redis;
        view_.levels = render::level_shares(recent_levels_);
        if (!view_.levels) view_.levels = render::level_shares(levels_);
        view_.p99_us = percentile_us(bounds_, counts_, 0.99);
        std::stable_sort(view_.modes.begin(), view_.modes.end(), [](const auto& a, const auto& b) {
            return a.clicks_per_s > b.clicks_per_s;
        });
    }

private:
    /// Of a link that several instances redirect, the rates add up.
    void add_modes(const Json& modes) {
        for (const auto& mode : modes) {
            const auto code = mode.value("code", std::string());
            auto known = std::find_if(view_.modes.begin(), view_.modes.end(),
                                      [&](const auto& one) { return one.code == code; });
            if (known == view_.modes.end()) {
                view_.modes.push_back({code, mode.value("mode", std::string()), 0,
                                       mode.value("since_ms", std::int64_t{0})});
                known = view_.modes.end() - 1;
            } else if (mode.value("mode", std::string()) == "burst") {
                known->mode = "burst";
            }
            known->clicks_per_s += number_of(mode, "clicks_per_s");
        }
    }

    /// Of several instances' words the worst counts.
    static void add_cluster(StoreView& store, const Json& cluster) {
        const auto state = cluster.value("state", std::string());
        if (state.empty() || (!store.cluster.empty() && state == "ok")) return;
        store.cluster_ok = state == "ok";
        store.cluster = "cluster " + state;
        if (state == "unreachable") return;
        const auto named = [](std::uint64_t count, const char* one) {
            return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
        };
        store.cluster += ", " + named(count_of(cluster, "masters"), "master") + " " +
                         named(count_of(cluster, "replicas"), "replica");
        if (const auto uncovered = count_of(cluster, "slots_uncovered"); uncovered > 0) {
            store.cluster += ", " + named(uncovered, "slot") + " without a master";
        }
        for (const auto& node : part_of(cluster, "nodes")) {
            if (!node.value("up", true)) {
                store.cluster += ", " + node.value("address", std::string()) + " down";
            }
        }
    }

    StoreView& store_of(const Json& store) {
        const auto name = store.value("store", std::string());
        const auto known = std::find_if(view_.stores.begin(), view_.stores.end(),
                                        [&](const StoreView& one) { return one.name == name; });
        if (known != view_.stores.end()) return *known;
        view_.stores.emplace_back().name = name;
        return view_.stores.back();
    }

    render::LimitView& limit_of(const Json& limit) {
        const auto name = limit.value("listener", std::string());
        for (auto& one : view_.limits) {
            if (one.listener == name) return one;
        }
        view_.limits.emplace_back().listener = name;
        return view_.limits.back();
    }

    void add_latency(const Json& before, const Json& now) {
        const auto counts = now.value("counts", std::vector<std::uint64_t>());
        const auto old = before.value("counts", std::vector<std::uint64_t>());
        const auto bounds = now.value("bounds", std::vector<double>());
        if (counts.size() != bounds.size() + 1 || old.size() != counts.size()) return;
        if (bounds_.empty()) {
            bounds_ = bounds;
            counts_.resize(counts.size());
        }
        // Instances of another version may have others.
        if (bounds != bounds_) return;
        for (std::size_t at = 0; at < counts.size(); ++at)
            counts_[at] += since(counts[at], old[at]);
    }

    StatusView& view_;
    bool first_ = true;
    render::LevelCounts levels_;
    render::LevelCounts recent_levels_;
    std::vector<double> bounds_;
    std::vector<std::uint64_t> counts_;
};

}  // namespace

std::optional<double> percentile_us(std::span<const double> bounds,
                                    std::span<const std::uint64_t> counts, double share) {
    std::uint64_t all = 0;
    for (const std::uint64_t count : counts) all += count;
    if (all == 0) return std::nullopt;
    const double wanted = share * static_cast<double>(all);
    double below = 0;
    for (std::size_t at = 0; at < bounds.size(); ++at) {
        const auto here = static_cast<double>(counts[at]);
        if (here > 0 && below + here >= wanted) {
            const double low = at == 0 ? 0 : bounds[at - 1];
            return low + (bounds[at] - low) * (wanted - below) / here;
        }
        below += here;
    }
    return bounds.empty() ? std::nullopt : std::optional(bounds.back());
}

StatusView status_view(const std::vector<StatusReading>& before,
                       const std::vector<StatusReading>& now) {
    StatusView view;
    view.instances = now.size();
    Merging merging(view);
    for (std::size_t at = 0; at < now.size(); ++at) {
        if (!now[at].up()) {
            view.down.push_back(now[at].failure);
            continue;
        }
        merging.add(now[at].status);
        if (at >= before.size() || !before[at].up()) continue;
        const double seconds = static_cast<double>(now[at].at_ns - before[at].at_ns) / 1e9;
        merging.add_rates(before[at].status, now[at].status, seconds);
    }
    merging.finish();
    return view;
}

}  // namespace qck::commands
