#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
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

/// What a client asked of this instance since others were told of it last.
struct LimitUse {
    std::uint64_t client = 0;  ///< the address, or a number made of its /64
    std::int64_t debt_ns = 0;  ///< so many requests, times period/requests
};

/// Limits requests by client address, IPv6 by /64 (RFC 4291 section 2.5.4: what one subscriber
/// has at least).
///
/// The generic cell rate algorithm (ITU-T I.371, annex A; Brandur, "Rate limiting, cells, and
/// GCRA"): an address may make `requests` at once, and then one each period/requests, so no window
/// of time has an edge. One number an address: when its next request would be due at that pace.
/// Memory is fixed; of more addresses than fit, those who asked least are forgotten, which lets
/// them ask again. Reads no clock. Thread-safe: the listeners of all reactors share one.
///
/// Over several instances each decides by what it knows: its own requests and, as of the last
/// exchange (LimitExchange), everybody's. What others have not been told of is bounded: an instance
/// admits of one client at most A = max(1, requests x `ahead_share` / instances) requests that they
/// do not know, a number that fades in one period; then it waits for the exchange, and refuses
/// until then. So in any time T all n instances together admit at most
///
///     (requests + T x requests/period) x (1 + n x A / requests)
///
/// which is 1 + `ahead_share`, or 1 + n / requests where that is more. For about a second after an
/// instance joined, it counts for one more. Without an exchange for so long as the last was good
/// for, an instance goes on by itself: then each admits the whole limit.
class RateLimiter {
public:
    struct Config {
        RateLimit limit;
        /// Rounded up to a power of two; 32 bytes each.
        std::size_t addresses_max = 256 * 1024;
        /// Keys the hash of addresses.
        std::uint64_t seed = 0;
        /// How much of the limit all instances together may admit before they know of it.
        double ahead_share = 0.2;
    };
    explicit RateLimiter(const Config& config);

    /// 0 when the request may go on; else how long until the next may. `now_ns` is monotonic.
    std::chrono::nanoseconds admit(const net::Address& client, std::int64_t now_ns);

    /// For the exchange, one thread at a time. Until join() was called an instance is by itself.
    /// There are `instances`, this one included, and until `until_ns` nobody is waited for longer.
    void join(std::uint32_t instances, std::int64_t now_ns, std::int64_t until_ns);
    void leave() { joined_until_ns_.store(0, std::memory_order_relaxed); }
    /// Called, of any thread and under a lock, when a client nears what it may ask without others
    /// knowing. Before the first request; may be empty.
    void on_pressing(std::function<void()> pressing) { pressing_ = std::move(pressing); }
    /// Clients who have asked half of that, at most 4,096. To be followed by told() or untold().
    std::vector<LimitUse> uses(std::int64_t now_ns);
    /// All know of the uses; `debts_ns` is what each client owes over all instances.
    void told(std::span<const LimitUse> uses, std::span<const std::int64_t> debts_ns,
              std::int64_t now_ns);
    /// Nobody may know of them; they are among the next.
    void untold(std::span<const LimitUse> uses);

    const RateLimit& limit() const { return config_.limit; }
    /// 1 when by itself.
    std::uint32_t instances(std::int64_t now_ns) const {
        return now_ns < joined_until_ns_.load(std::memory_order_relaxed) ? instances_.load() : 1;
    }
    /// Whether others are told now.
    bool joined(std::int64_t now_ns) const {
        return now_ns < joined_until_ns_.load(std::memory_order_relaxed);
    }

    std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
    /// Of these, how many would have been admitted had others known of those before.
    std::uint64_t held() const { return held_.load(std::memory_order_relaxed); }
    /// Addresses that were forgotten for others while they were still remembered for a reason.
    std::uint64_t forgotten() const { return forgotten_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t ways = 8;
    static constexpr std::size_t locks = 64;
    static constexpr std::size_t waiting_max = 64;  ///< for the exchange, of one lock
    struct Entry {
        std::uint64_t client = 0;  ///< 0: free
        std::int64_t due_ns = 0;   ///< theoretical arrival time of the next request
        /// The same, of a limit of A a period, for what others have not been told.
        std::int64_t untold_due_ns = 0;
        std::uint32_t era = 0;
        bool waits = false;  ///< for the exchange
    };
    struct Section {
        std::mutex mutex;
        std::vector<std::uint64_t> waiting;  ///< clients
    };

    Section& section_of(std::uint64_t client) { return sections_[placed(client) % locks]; }
    std::uint64_t placed(std::uint64_t client) const;
    Entry& entry_of(std::uint64_t client, std::int64_t now_ns);
    Entry* find(std::uint64_t client);
    /// False when others must hear of this client first.
    bool may_go_ahead(Section& section, Entry& entry, std::int64_t now_ns);

    const Config config_;
    const std::int64_t interval_ns_;
    std::vector<std::array<Entry, ways>> sets_;
    std::array<Section, locks> sections_;  ///< set i is guarded by section i mod 64
    std::function<void()> pressing_;
    std::atomic<std::int64_t> joined_until_ns_{0};
    std::atomic<std::int64_t> untold_interval_ns_{0};  ///< period / A; 0: never joined
    std::atomic<std::uint32_t> era_{0};                ///< raised when it joins anew
    std::atomic<std::uint32_t> instances_{1};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> held_{0};
    std::atomic<std::uint64_t> forgotten_{0};
};

}  // namespace qck::http_server
