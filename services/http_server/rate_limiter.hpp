#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/net/address.hpp"

namespace qck::http_server {

/// So many requests in such a time.
struct RateLimit {
    std::uint32_t requests = 0;  ///< 0: no limit
    std::chrono::nanoseconds period{0};
    bool is_on() const { return requests != 0; }
};
/// `100/min`, `10/s`, `5000/h`; `off`.
Result<RateLimit> parse_rate_limit(std::string_view text);

/// Limits requests by client address, IPv6 by /64 (RFC 4291 section 2.5.4: what one subscriber
/// has at least).
///
/// The generic cell rate algorithm (ITU-T I.371, annex A; Brandur, "Rate limiting, cells, and
/// GCRA"): an address may make `requests` at once, and then one each period/requests, so no window
/// of time has an edge. One number an address: when its next request would be due at that pace.
/// Memory is fixed; of more addresses than fit, those who asked least are forgotten, which lets
/// them ask again. Reads no clock. Thread-safe: the listeners of all reactors share one.
class RateLimiter {
public:
    struct Config {
        RateLimit limit;
        /// Rounded up to a power of two; 16 bytes each.
        std::size_t addresses_max = 256 * 1024;
        /// Keys the hash of addresses.
        std::uint64_t seed = 0;
    };
    explicit RateLimiter(const Config& config);

    /// 0 when the request may go on; else how long until the next may. `now_ns` is monotonic.
    std::chrono::nanoseconds admit(const net::Address& client, std::int64_t now_ns);

    std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
    /// Addresses that were forgotten for others while they were still remembered for a reason.
    std::uint64_t forgotten() const { return forgotten_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t ways = 8;
    static constexpr std::size_t locks = 64;
    struct Entry {
        std::uint64_t key = 0;    ///< 0: free
        std::int64_t due_ns = 0;  ///< theoretical arrival time of the next request
    };

    Entry& entry_of(std::uint64_t key, std::int64_t now_ns);

    const Config config_;
    const std::int64_t interval_ns_;
    std::vector<std::array<Entry, ways>> sets_;
    std::array<std::mutex, locks> locks_;  ///< set i is guarded by lock i mod 64
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> forgotten_{0};
};

}  // namespace qck::http_server
