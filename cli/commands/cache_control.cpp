#include "cli/commands/cache_control.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "cli/commands/admin_reply.hpp"
#include "cli/commands/cache_request.hpp"
#include "cli/commands/cache_warming.hpp"
#include "cli/commands/gathering.hpp"
#include "services/stores/redis/link_changes.hpp"
#include "services/stores/sqlite/sqlite_click_store.hpp"

namespace qck::commands {
namespace {

using http_server::problem;
using http_server::Response;
using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

/// For lookups of a request, or for Redis to take an order.
constexpr std::chrono::milliseconds orders_max = 2s;
constexpr std::chrono::milliseconds figures_max = 1s;
/// Longer than an answer that was asked for before may take.
constexpr std::chrono::milliseconds eviction_mark_ttl = 60s;
constexpr std::size_t hottest_shown = 10;

/// What one reactor's cache holds.
Json level_counts(std::uint64_t hits, std::uint64_t misses, std::uint64_t stale,
                  const cache::TierCounters* tier) {
    Json json{{"hits", hits}, {"misses", misses}, {"stale_hits", stale}};
    if (tier != nullptr) {
        json["redis"] = {{"hits", tier->shared_hits.value()},
                         {"misses", tier->shared_misses.value()},
                         {"failures", tier->shared_failures.value()}};
    }
    return json;
}

Json lane_figures(const RedirectLane& lane,
                  const std::optional<std::vector<std::chrono::nanoseconds>>& ages) {
    const redirect::RedirectCounters& counters = lane.handler->counters();
    Json json{{"entries", counters.cache_entries.value()},
              {"bytes", counters.cache_bytes.value()},
              {"bytes_max", lane.handler->cache_bytes_max()},
              {"pinned", counters.cache_pinned.value()}};
    json.update(level_counts(counters.cache_hits.value(), counters.cache_misses.value(),
                             counters.stale_hits.value(),
                             lane.shared ? &lane.shared->source().counters() : nullptr));
    if (!ages || ages->empty()) return json;
    const auto ms = [](std::chrono::nanoseconds age) { return age / 1ms; };
    json["age"] = {{"oldest_ms", ms(ages->back())},
                   {"median_ms", ms((*ages)[ages->size() / 2])},
                   {"sampled", ages->size()}};
    return json;
}

std::vector<std::uint64_t> ids_of(const std::vector<clicks::LinkClicks>& links) {
    std::vector<std::uint64_t> ids;
    for (const clicks::LinkClicks& one : links) ids.push_back(one.link_id);
    return ids;
}

}  // namespace

void CacheControl::obey(redis::LinkOrder order, const std::string& code) {
    for (const RedirectLane& lane : parts_.lanes) {
        lane.thread->reactor().post([handler = lane.handler.get(), order, code] {
            switch (order) {
                case redis::LinkOrder::evict:
                    return handler->evict(code);
                case redis::LinkOrder::pin:
                    handler->pin(code, cache::PinReason::asked);
                    return handler->warm(code, [](const Result<bool>&) {});
                case redis::LinkOrder::unpin:
                    return handler->unpin(code, cache::PinReason::asked);
            }
        });
    }
}

std::optional<std::uint64_t> CacheControl::link_of(const std::string& code) {
    using Found = std::optional<std::uint64_t>;
    Gathering<Found> answers(parts_.lanes.size());
    // NOLINTNEXTLINE(modernize-loop-convert): the captures need the index
    for (std::size_t lane = 0; lane < parts_.lanes.size(); ++lane) {
        parts_.lanes[lane].thread->reactor().post(
            [handler = parts_.lanes[lane].handler.get(), code, place = answers.place(lane)] {
                if (const Found known = handler->cached_link(code)) return place(known);
                // Through Redis, where there is one.
                handler->warm(code, [handler, code, place](const Result<bool>&) {
                    place(handler->cached_link(code));
                });
            });
    }
    for (const auto& answer : answers.wait(orders_max)) {
        if (answer && *answer) return *answer;
    }
    return std::nullopt;
}

std::vector<admin::Action> CacheControl::actions() {
    using Method = http::Method;
    return {{Method::post, "/v1/cache/warm", [this](const Call& call) { return warm(call); }},
            {Method::post, "/v1/cache/evict", [this](const Call& call) { return evict(call); }},
            {Method::post, "/v1/cache/pin", [this](const Call& call) { return pin(call); }},
            {Method::post, "/v1/cache/unpin", [this](const Call& call) { return unpin(call); }},
            {Method::get, "/v1/cache/stats", [this](const Call&) { return stats(); }},
            {Method::get, "/v1/cache/top", [this](const Call& call) { return top(call); }}};
}

/// Gives Redis the orders. Empty when other instances hear of them through it, or there are none;
/// else why they do not.
std::string CacheControl::tell_others(std::vector<redis::Command> commands) {
    if (!parts_.shared || commands.empty()) return {};
    const auto sent = parts_.shared->send(std::move(commands), orders_max);
    return sent ? std::string() : sent.error().message;
}

/// `done` are the codes that the store has, or all of them when it says nothing.
Response CacheControl::obeyed(const char* done, std::vector<std::string> codes,
                              const std::string& only_here) {
    std::vector<std::string> missing;
    for (const std::string& code : codes) {
        const auto link = parts_.links.find(code);
        if (!link) {
            missing.clear();
            break;
        }
        if (!*link) missing.push_back(code);
    }
    std::erase_if(codes, [&](const std::string& code) {
        return std::find(missing.begin(), missing.end(), code) != missing.end();
    });
    return json_reply({{done, codes}, {"not_found", missing}, {"only_here", only_here}});
}

Response CacheControl::warm(const Call& call) {
    const auto codes = cache_codes_from_json(call.body);
    if (!codes) return error_reply(codes.error(), "invalid-request");
    const Warmed warmed = warm_links({parts_.lanes, parts_.fetcher, parts_.shared.get()}, *codes);
    Json answer{{"warmed", warmed.in_l1},
                {"not_found", warmed.not_found},
                {"failed", warmed.failed},
                {"in_redis", nullptr}};
    if (parts_.shared) {
        answer["in_redis"] = warmed.in_redis;
        answer["not_in_redis"] = warmed.not_in_redis;
        answer["redis_error"] = warmed.redis_error;
    }
    return json_reply(answer);
}

Response CacheControl::evict(const Call& call) {
    const auto codes = cache_codes_from_json(call.body);
    if (!codes) return error_reply(codes.error(), "invalid-request");
    std::vector<redis::Command> commands;
    for (const std::string& code : *codes) {
        obey(redis::LinkOrder::evict, code);
        if (parts_.shared) {
            commands.push_back(redis::evict_command(code, eviction_mark_ttl, parts_.shared->db()));
        }
    }
    const std::string only_here = tell_others(std::move(commands));
    // What was read from Redis meanwhile may be what was evicted from it then.
    for (const std::string& code : *codes) obey(redis::LinkOrder::evict, code);
    return obeyed("evicted", *codes, only_here);
}

Response CacheControl::pin(const Call& call) {
    const auto codes = cache_codes_from_json(call.body);
    if (!codes) return error_reply(codes.error(), "invalid-request");
    Json missing = Json::array();
    std::vector<std::string> found;
    std::vector<redis::Command> commands;
    for (const std::string& code : *codes) {
        const auto link = parts_.links.find(code);
        if (!link) return error_reply(link.error(), "invalid-request");
        if (!*link) {
            missing.push_back(code);
            continue;
        }
        found.push_back(code);
        if (parts_.shared) {
            commands.push_back(redis::pin_command(**link, redis::LinkChangesConfig{}.link_ttl,
                                                  parts_.shared->db()));
        }
    }
    const std::string only_here = tell_others(std::move(commands));
    // Each reactor says which of the codes it has no room for.
    Gathering<std::vector<std::string>> refusals(parts_.lanes.size());
    // NOLINTNEXTLINE(modernize-loop-convert): the captures need the index
    for (std::size_t lane = 0; lane < parts_.lanes.size(); ++lane) {
        parts_.lanes[lane].thread->reactor().post([handler = parts_.lanes[lane].handler.get(),
                                                   codes = found, place = refusals.place(lane)] {
            std::vector<std::string> refused;
            for (const std::string& code : codes) {
                if (!handler->pin(code, cache::PinReason::asked)) refused.push_back(code);
                handler->warm(code, [](const Result<bool>&) {});
            }
            place(std::move(refused));
        });
    }
    Json no_room = Json::array();
    for (const auto& refused : refusals.wait(orders_max)) {
        for (const std::string& code : refused.value_or(std::vector<std::string>())) {
            if (std::find(no_room.begin(), no_room.end(), code) == no_room.end()) {
                no_room.push_back(code);
            }
        }
    }
    return json_reply({{"pinned", found},
                       {"not_found", missing},
                       {"no_room", no_room},
                       {"only_here", only_here}});
}

Response CacheControl::unpin(const Call& call) {
    const auto codes = cache_codes_from_json(call.body);
    if (!codes) return error_reply(codes.error(), "invalid-request");
    std::vector<redis::Command> commands;
    for (const std::string& code : *codes) {
        obey(redis::LinkOrder::unpin, code);
        if (parts_.shared) {
            commands.push_back(redis::unpin_command(code, redis::LinkChangesConfig{}.link_ttl,
                                                    parts_.shared->db()));
        }
    }
    const std::string only_here = tell_others(std::move(commands));
    return obeyed("unpinned", *codes, only_here);
}

Response CacheControl::stats() {
    using Ages = std::vector<std::chrono::nanoseconds>;
    Gathering<Ages> ages(parts_.lanes.size());
    // NOLINTNEXTLINE(modernize-loop-convert): the captures need the index
    for (std::size_t lane = 0; lane < parts_.lanes.size(); ++lane) {
        parts_.lanes[lane].thread->reactor().post(
            [handler = parts_.lanes[lane].handler.get(), place = ages.place(lane)] {
                place(handler->ages());
            });
    }
    const auto by_lane = ages.wait(figures_max);
    Json reactors = Json::array();
    for (std::size_t lane = 0; lane < parts_.lanes.size(); ++lane) {
        reactors.push_back(lane_figures(parts_.lanes[lane], by_lane[lane]));
    }
    Json hottest = Json::array();
    if (const auto links = most_clicked(1, hottest_shown)) {
        const auto codes = links::codes_in_order(parts_.links, ids_of(*links));
        for (std::size_t at = 0; at < links->size(); ++at) {
            if (codes[at].empty()) continue;
            hottest.push_back({{"code", codes[at]}, {"clicks", (*links)[at].clicks}});
        }
    }
    return json_reply({{"reactors", reactors}, {"hottest", hottest}});
}

/// Since the beginning of the hour `hours` before this one, so that all of the last ones are in it.
Result<std::vector<clicks::LinkClicks>> CacheControl::most_clicked(std::uint32_t hours,
                                                                   std::size_t links_max) {
    const auto counts = parts_.clicks();
    if (!counts) return counts.error();
    const auto now = static_cast<std::uint32_t>(wall_ms() / 3'600'000);
    return (*counts)->most_clicked(now - hours, links_max);
}

Response CacheControl::top(const Call& call) {
    std::string_view text = call.query;
    if (text.starts_with('?')) text.remove_prefix(1);
    const auto query = read_top_query(text);
    if (!query) return error_reply(query.error(), "invalid-request");
    const auto links = most_clicked(query->hours, query->links_max);
    if (!links) return error_reply(links.error(), "invalid-request");
    const auto codes = links::codes_by_id(parts_.links, ids_of(*links));
    if (!codes) return error_reply(codes.error(), "invalid-request");
    Json list = Json::array();
    for (const clicks::LinkClicks& one : *links) {
        const auto code = codes->find(one.link_id);
        if (code == codes->end()) continue;
        list.push_back({{"code", code->second}, {"clicks", one.clicks}});
    }
    return json_reply({{"links", std::move(list)}});
}

std::function<Result<std::unique_ptr<clicks::ClickStore>>()> local_counts(
    const clicks::DataDirectory& directory) {
    return [file = directory.clicks_database(),
            node = directory.identity().node]() -> Result<std::unique_ptr<clicks::ClickStore>> {
        auto store = sqlite::SqliteClickStore::open(file, node, sqlite::OpenMode::read_only);
        if (!store) return store.error();
        return std::unique_ptr<clicks::ClickStore>(std::move(*store));
    };
}

}  // namespace qck::commands
