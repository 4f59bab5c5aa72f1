#include "services/http_server/rate_limiter.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string>

#include "base/random.hpp"

namespace qck::http_server {
namespace {

/// The address, or its /64; an IPv4 address in IPv6 clothes (RFC 4291 section 2.5.5.2) is one.
std::uint64_t identity_of(const net::Address& client) {
    if (client.family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(client.storage);
        return v4.sin_addr.s_addr;
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(client.storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        std::uint32_t v4 = 0;
        std::memcpy(&v4, &v6.sin6_addr.s6_addr[12], sizeof v4);
        return v4;
    }
    std::uint64_t prefix = 0;
    std::memcpy(&prefix, &v6.sin6_addr, sizeof prefix);
    return mix64(prefix);
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
      sets_(std::bit_ceil(std::max(locks, config.addresses_max / ways))) {}

std::chrono::nanoseconds RateLimiter::admit(const net::Address& client, std::int64_t now_ns) {
    std::uint64_t key = mix64(identity_of(client) ^ config_.seed);
    if (key == 0) key = 1;
    const std::lock_guard lock(locks_[key % locks]);
    Entry& entry = entry_of(key, now_ns);
    const std::int64_t due_ns = std::max(entry.due_ns, now_ns) + interval_ns_;
    const std::int64_t early_ns = due_ns - now_ns - config_.limit.period.count();
    if (early_ns > 0) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return std::chrono::nanoseconds(early_ns);
    }
    entry.due_ns = due_ns;
    return {};
}

RateLimiter::Entry& RateLimiter::entry_of(std::uint64_t key, std::int64_t now_ns) {
    auto& set = sets_[key % sets_.size()];
    Entry* oldest = set.data();
    for (Entry& entry : set) {
        if (entry.key == key) return entry;
        if (entry.due_ns < oldest->due_ns) oldest = &entry;
    }
    if (oldest->due_ns > now_ns) forgotten_.fetch_add(1, std::memory_order_relaxed);
    *oldest = {key, 0};
    return *oldest;
}

}  // namespace qck::http_server
