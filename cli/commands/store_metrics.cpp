#include "cli/commands/store_metrics.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>

#include "base/clock.hpp"

namespace qck::commands {
namespace {

using admin::Sample;

double as_value(const Counter& counter) { return static_cast<double>(counter.value()); }

}  // namespace

std::vector<Sample> redis_samples(const std::vector<RedisUse>& clients) {
    struct Family {
        const char* name;
        const char* help;
        bool is_counter;
        Counter redis::Figures::*counter;
    };
    static const std::vector<Family> families{
        {"qck_redis_commands_total", "Commands given to Redis.", true, &redis::Figures::sent},
        {"qck_redis_failures_total", "Of these, how many failed.", true, &redis::Figures::failed},
        {"qck_redis_timeouts_total", "Of these, how many had no answer in time.", true,
         &redis::Figures::timed_out},
        {"qck_redis_connections_lost_total", "Connections to Redis that broke.", true,
         &redis::Figures::lost},
        {"qck_redis_redirections_total", "MOVED and ASK of a cluster.", true,
         &redis::Figures::redirections},
        {"qck_redis_in_flight", "Commands that wait for Redis now.", false,
         &redis::Figures::in_flight}};
    std::vector<Sample> samples;
    for (const Family& family : families) {
        std::map<std::string, double> by_use;
        for (const RedisUse& client : clients) {
            by_use[client.use] += as_value(client.figures->*family.counter);
        }
        for (const auto& [use, value] : by_use) {
            samples.push_back({family.name, family.help, family.is_counter, {{"use", use}}, value});
        }
    }
    return samples;
}

std::vector<Sample> tier_samples(const std::vector<const cache::TierCounters*>& lanes) {
    const auto sum = [&](Counter cache::TierCounters::*counter) {
        double total = 0;
        for (const auto* const lane : lanes) total += as_value(lane->*counter);
        return total;
    };
    using cache::TierCounters;
    return {{"qck_shared_cache_hits_total",
             "Codes found in Redis.",
             true,
             {},
             sum(&TierCounters::shared_hits)},
            {"qck_shared_cache_misses_total",
             "Codes that Redis did not have.",
             true,
             {},
             sum(&TierCounters::shared_misses)},
            {"qck_shared_cache_failures_total",
             "Codes for which Redis was not asked, or did not answer.",
             true,
             {},
             sum(&TierCounters::shared_failures)},
            {"qck_shared_cache_early_refreshes_total",
             "Links read again before they expire in Redis.",
             true,
             {},
             sum(&TierCounters::early_refreshes)}};
}

std::vector<Sample> change_samples(const redis::LinkChanges::Figures& figures) {
    return {{"qck_link_changes_heard",
             "1 while changes made by other instances are heard of.",
             false,
             {},
             as_value(figures.heard)},
            {"qck_link_changes_published_total",
             "Changes told to other instances.",
             true,
             {},
             as_value(figures.published)},
            {"qck_link_changes_received_total",
             "Changes heard of, own ones included.",
             true,
             {},
             as_value(figures.received)},
            {"qck_link_changes_given_up_total",
             "Changes never told: too many waited.",
             true,
             {},
             as_value(figures.given_up)},
            {"qck_link_changes_waiting",
             "Changes that Redis has not taken yet.",
             false,
             {},
             as_value(figures.waiting)}};
}

std::vector<Sample> outbox_samples(std::uint64_t drained) {
    return {{"qck_link_outbox_drained_total",
             "Changes told to Redis because who made them had not within its time.",
             true,
             {},
             static_cast<double>(drained)}};
}

std::vector<Sample> breaker_samples(const std::vector<BreakerUse>& breakers) {
    struct Family {
        const char* name;
        const char* help;
        bool is_counter;
        double (*value)(const CircuitBreaker&);
    };
    static const std::vector<Family> families{
        {"qck_breaker_open",
         "1 while the store is left alone; 0 again when the next call is to try it.", false,
         [](const CircuitBreaker& one) { return one.refuses(monotonic_ns()) ? 1.0 : 0.0; }},
        {"qck_breaker_opened_total", "How often it was begun to be left alone.", true,
         [](const CircuitBreaker& one) { return static_cast<double>(one.opened()); }},
        {"qck_breaker_refused_total", "Calls that were not made.", true,
         [](const CircuitBreaker& one) { return static_cast<double>(one.refused()); }}};
    std::vector<Sample> samples;
    for (const Family& family : families) {
        for (const BreakerUse& one : breakers) {
            samples.push_back({family.name,
                               family.help,
                               family.is_counter,
                               {{"store", one.store}, {"use", one.use}},
                               family.value(*one.breaker)});
        }
    }
    return samples;
}

std::vector<Sample> place_samples(const maxmind::Places& places) {
    const auto addresses = [](const char* outcome, const Counter& counter) {
        return Sample{"qck_geoip_addresses_total",
                      "Addresses looked up for rows, once a batch of them, by outcome.",
                      true,
                      {{"outcome", outcome}},
                      as_value(counter)};
    };
    return {addresses("found", places.figures().found),
            addresses("unknown", places.figures().unknown),
            {"qck_geoip_built_timestamp_seconds",
             "When the data of the file in use were put together.",
             false,
             {},
             static_cast<double>(places.current()->built_at_s())}};
}

std::vector<Sample> shared_samples(const std::vector<RedirectLane>& lanes,
                                   const SharedLinks& links) {
    std::vector<const cache::TierCounters*> tiers;
    for (const RedirectLane& lane : lanes) tiers.push_back(&lane.shared->source().counters());
    std::vector<Sample> samples = tier_samples(tiers);
    for (auto more : {change_samples(links.figures()), outbox_samples(links.drained())}) {
        std::move(more.begin(), more.end(), std::back_inserter(samples));
    }
    return samples;
}

}  // namespace qck::commands
