#include "cli/commands/cache_warming.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "base/clock.hpp"
#include "cli/commands/gathering.hpp"
#include "services/stores/redis/link_scripts.hpp"
#include "services/stores/redis/redis_link_cache.hpp"

namespace qck::commands {
namespace {

using namespace std::chrono_literals;

/// Links under way: a millisecond or two of Redis.
constexpr std::size_t window_links = 64;
/// For the store to be read, of one call.
constexpr std::chrono::milliseconds reads_max = 10s;
/// For Redis to take a window.
constexpr std::chrono::milliseconds fills_max = 2s;

/// What the store said of a code.
struct StoreRead {
    cache::LinkFetcher::Found found;
    std::chrono::nanoseconds took{0};
};

using StoreReads = std::vector<std::optional<StoreRead>>;
/// Whether there is such a link; by code and lane.
using LaneReads = std::vector<std::optional<Result<bool>>>;

Gathering<StoreRead> ask_store(cache::LinkFetcher& fetcher, std::span<const std::string> codes) {
    Gathering<StoreRead> reads(codes.size());
    for (std::size_t at = 0; at < codes.size(); ++at) {
        const std::int64_t begin_ns = monotonic_ns();
        const auto place = reads.place(at);
        const bool begun =
            fetcher.fetch(codes[at], [place, begin_ns](const cache::LinkFetcher::Found& found) {
                place({found, std::chrono::nanoseconds(monotonic_ns() - begin_ns)});
            });
        if (!begun) place({error(Errc::unavailable, "too many codes are being looked up")});
    }
    return reads;
}

Gathering<Result<bool>> ask_lanes(std::vector<RedirectLane>& lanes,
                                  std::span<const std::string> codes) {
    Gathering<Result<bool>> reads(codes.size() * lanes.size());
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        std::vector<std::function<void(Result<bool>)>> places;
        for (std::size_t at = 0; at < codes.size(); ++at) {
            places.push_back(reads.place(at * lanes.size() + lane));
        }
        lanes[lane].thread->reactor().post(
            [handler = lanes[lane].handler.get(), store = lanes[lane].source.get(),
             codes = std::vector<std::string>(codes.begin(), codes.end()),
             places = std::move(places)] {
                for (std::size_t at = 0; at < codes.size(); ++at) {
                    handler->warm(codes[at], *store, places[at]);
                }
            });
    }
    return reads;
}

/// False when Redis took none.
bool fill_redis(SharedLinks& shared, std::span<const std::string> codes, const StoreReads& reads,
                Warmed& warmed) {
    std::vector<redis::Command> commands;
    std::vector<std::string> filled;
    for (std::size_t at = 0; at < codes.size(); ++at) {
        if (!reads[at] || !reads[at]->found || !*reads[at]->found) continue;
        commands.push_back(redis::fill_command(codes[at], {**reads[at]->found, 0}, reads[at]->took,
                                               redis::LinkCacheConfig{}.link_ttl));
        filled.push_back(codes[at]);
    }
    if (commands.empty()) return true;
    const std::size_t before = warmed.in_redis;
    const auto results = shared.send_each(std::move(commands), fills_max);
    for (std::size_t at = 0; at < filled.size(); ++at) {
        if (results[at]) {
            ++warmed.in_redis;
            continue;
        }
        warmed.not_in_redis.push_back(filled[at]);
        if (warmed.redis_error.empty()) warmed.redis_error = results[at].error().message;
    }
    return warmed.in_redis > before;
}

void sort_out(std::span<const std::string> codes, std::size_t lanes, const LaneReads& reads,
              Warmed& warmed) {
    for (std::size_t at = 0; at < codes.size(); ++at) {
        const std::span of_code(reads.data() + at * lanes, lanes);
        const auto failed = [](const auto& read) { return !read || !*read; };
        const auto unknown = [](const auto& read) { return !**read; };
        auto& where = std::any_of(of_code.begin(), of_code.end(), failed)    ? warmed.failed
                      : std::any_of(of_code.begin(), of_code.end(), unknown) ? warmed.not_found
                                                                             : warmed.in_l1;
        where.push_back(codes[at]);
    }
}

}  // namespace

Warmed warm_links(const WarmingParts& parts, const std::vector<std::string>& codes) {
    const std::int64_t by_ns = monotonic_ns() + std::chrono::nanoseconds(reads_max).count();
    const auto left = [by_ns] {
        return std::chrono::milliseconds(
            std::max<std::int64_t>(0, (by_ns - monotonic_ns()) / 1'000'000));
    };
    Warmed warmed;
    bool redis_takes = parts.shared != nullptr;
    for (std::size_t at = 0; at < codes.size(); at += window_links) {
        const auto window = std::span(codes).subspan(at, std::min(window_links, codes.size() - at));
        auto store_reads =
            parts.shared != nullptr ? ask_store(parts.fetcher, window) : Gathering<StoreRead>(0);
        auto lane_reads = ask_lanes(parts.lanes, window);
        if (parts.shared != nullptr) {
            const auto reads = store_reads.wait(left());
            if (redis_takes) {
                redis_takes = fill_redis(*parts.shared, window, reads, warmed);
            } else {
                for (std::size_t n = 0; n < window.size(); ++n) {
                    const bool is_link = reads[n] && reads[n]->found && *reads[n]->found;
                    if (is_link) warmed.not_in_redis.push_back(window[n]);
                }
            }
        }
        sort_out(window, parts.lanes.size(), lane_reads.wait(left()), warmed);
    }
    return warmed;
}

}  // namespace qck::commands
