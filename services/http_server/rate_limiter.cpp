#include "services/http_server/rate_limiter.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string>

#include "base/random.hpp"

namespace qck::http_server {
namespace {

/// How long a client that others have to hear of first is asked to wait: two exchanges.
constexpr std::chrono::nanoseconds held_for = std::chrono::milliseconds(200);

/// The address, or of its /64; an IPv4 address in IPv6 clothes (RFC 4291 section 2.5.5.2) is one.
/// The same in every instance; never 0.
std::uint64_t identity_of(const net::Address& client) {
    constexpr std::uint64_t is_v4 = std::uint64_t{1} << 32;
    if (client.family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(client.storage);
        return v4.sin_addr.s_addr | is_v4;
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(client.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        std::uint32_t v4 = 0;
        std::memcpy(&v4, &v6.sin6_addr.s6_addr[12], sizeof v4);
        return v4 | is_v4;
    }
    std::uint64_t prefix = 0;
    std::memcpy(&prefix, &v6.sin6_addr, sizeof prefix);
    return std::max<std::uint64_t>(mix64(prefix), 1);
}

Error not_a_limit(std::string_view text) {
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not a rate limit (try 100/min, 10/s or off)");
}

}  // namespace

Result<RateLimit> parse_rate_limit(std::string_view text) {
    if (text == "off") return RateLimit{};
    const auto slash = text.find('/');
    RateLimit limit;
    const auto parsed =
        std::from_chars(text.data(), text.data() + std::min(slash, text.size()), limit.requests);
    if (slash == std::string_view::npos || parsed.ec != std::errc{} ||
        parsed.ptr != text.data() + slash || limit.requests == 0 || limit.requests > 1'000'000) {
        return not_a_limit(text);
    }
    const auto unit = text.substr(slash + 1);
    if (unit == "s") {
        limit.period = std::chrono::seconds(1);
    } else if (unit == "min" || unit == "m") {
        limit.period = std::chrono::minutes(1);
    } else if (unit == "h") {
        limit.period = std::chrono::hours(1);
    } else {
        return not_a_limit(text);
    }
    return limit;
}

RateLimiter::RateLimiter(const Config& config)
    : config_(config),
      interval_ns_(config.limit.period.count() / std::max(1U, config.limit.requests)),
      sets_(std::bit_ceil(std::max(locks, config.addresses_max / ways))) {
    for (Section& section : sections_) section.waiting.reserve(waiting_max);
}

std::uint64_t RateLimiter::placed(std::uint64_t client) const {
    return mix64(client ^ config_.seed);
}

std::chrono::nanoseconds RateLimiter::admit(const net::Address& client, std::int64_t now_ns) {
    const std::uint64_t identity = identity_of(client);
    Section& section = section_of(identity);
    const std::lock_guard lock(section.mutex);
    Entry& entry = entry_of(identity, now_ns);
    const std::int64_t due_ns = std::max(entry.due_ns, now_ns) + interval_ns_;
    const std::int64_t early_ns = due_ns - now_ns - config_.limit.period.count();
    if (early_ns > 0) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return std::chrono::nanoseconds(early_ns);
    }
    if (!may_go_ahead(section, entry, now_ns)) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        held_.fetch_add(1, std::memory_order_relaxed);
        return held_for;
    }
    entry.due_ns = due_ns;
    return {};
}

bool RateLimiter::may_go_ahead(Section& section, Entry& entry, std::int64_t now_ns) {
    const std::int64_t interval_ns = untold_interval_ns_.load(std::memory_order_relaxed);
    if (interval_ns == 0) return true;
    const bool is_joined = joined(now_ns);
    const std::uint32_t era = era_.load(std::memory_order_relaxed);
    if (is_joined && entry.era != era) {
        // It was by itself meanwhile: what the client has waited for since is nobody's concern.
        const std::int64_t owed = std::max(entry.due_ns - now_ns, std::int64_t{0}) / interval_ns_;
        entry.untold_due_ns = std::min(entry.untold_due_ns, now_ns + owed * interval_ns);
        entry.era = era;
    }
    const std::int64_t period_ns = config_.limit.period.count();
    std::int64_t untold_ns = std::max(entry.untold_due_ns, now_ns) + interval_ns - now_ns;
    if (!is_joined) {
        // No more than the client may have asked at once.
        untold_ns = std::min(untold_ns, config_.limit.requests * interval_ns);
    } else if (untold_ns > period_ns / 2) {
        if (!entry.waits && section.waiting.size() < waiting_max) {
            entry.waits = true;
            section.waiting.push_back(entry.client);
        }
        if (untold_ns > period_ns / 4 * 3 && pressing_) pressing_();
        if (untold_ns > period_ns) return false;
    }
    entry.untold_due_ns = now_ns + untold_ns;
    return true;
}

void RateLimiter::join(std::uint32_t instances, std::int64_t now_ns, std::int64_t until_ns) {
    instances = std::max(instances, 1U);
    const double ahead = config_.ahead_share * config_.limit.requests / instances;
    const auto each = std::max(static_cast<std::int64_t>(ahead), std::int64_t{1});
    // What stands in entries is measured by the interval before: off by a few requests, once.
    untold_interval_ns_.store(config_.limit.period.count() / each, std::memory_order_relaxed);
    instances_.store(instances, std::memory_order_relaxed);
    if (!joined(now_ns)) era_.fetch_add(1, std::memory_order_relaxed);
    joined_until_ns_.store(until_ns, std::memory_order_relaxed);
}

std::vector<LimitUse> RateLimiter::uses(std::int64_t now_ns) {
    std::vector<LimitUse> uses;
    const std::int64_t untold_interval_ns = untold_interval_ns_.load(std::memory_order_relaxed);
    for (Section& section : sections_) {
        const std::lock_guard lock(section.mutex);
        for (const std::uint64_t client : section.waiting) {
            Entry* const entry = find(client);
            if (entry == nullptr) continue;  // forgotten for others
            const std::int64_t untold_ns = entry->untold_due_ns - now_ns;
            const std::int64_t requests =
                (std::max(untold_ns, std::int64_t{0}) + untold_interval_ns - 1) /
                untold_interval_ns;
            uses.push_back({client, requests * interval_ns_});
        }
        section.waiting.clear();
    }
    return uses;
}

void RateLimiter::told(std::span<const LimitUse> uses, std::span<const std::int64_t> debts_ns,
                       std::int64_t now_ns) {
    const std::int64_t untold_interval_ns = untold_interval_ns_.load(std::memory_order_relaxed);
    for (std::size_t at = 0; at < uses.size() && at < debts_ns.size(); ++at) {
        const LimitUse& use = uses[at];
        const std::lock_guard lock(section_of(use.client).mutex);
        Entry* const entry = find(use.client);
        if (entry == nullptr) continue;
        entry->waits = false;
        const std::int64_t told = use.debt_ns / interval_ns_;
        entry->untold_due_ns = std::max(entry->untold_due_ns, now_ns) - told * untold_interval_ns;
        const std::int64_t still_ns = std::max(entry->untold_due_ns - now_ns, std::int64_t{0});
        const std::int64_t still = (still_ns + untold_interval_ns - 1) / untold_interval_ns;
        entry->due_ns = std::max(entry->due_ns, now_ns + debts_ns[at] + still * interval_ns_);
    }
}

void RateLimiter::untold(std::span<const LimitUse> uses) {
    for (const LimitUse& use : uses) {
        const std::lock_guard lock(section_of(use.client).mutex);
        if (Entry* const entry = find(use.client)) entry->waits = false;
    }
}

RateLimiter::Entry* RateLimiter::find(std::uint64_t client) {
    for (Entry& entry : sets_[placed(client) % sets_.size()]) {
        if (entry.client == client) return &entry;
    }
    return nullptr;
}

RateLimiter::Entry& RateLimiter::entry_of(std::uint64_t client, std::int64_t now_ns) {
    if (Entry* const known = find(client)) return *known;
    auto& set = sets_[placed(client) % sets_.size()];
    Entry& oldest = *std::min_element(
        set.begin(), set.end(), [](const Entry& a, const Entry& b) { return a.due_ns < b.due_ns; });
    if (oldest.due_ns > now_ns) forgotten_.fetch_add(1, std::memory_order_relaxed);
    oldest = {.client = client};
    return oldest;
}

}  // namespace qck::http_server
