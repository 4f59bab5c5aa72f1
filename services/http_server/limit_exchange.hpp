#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/backoff.hpp"
#include "base/counter.hpp"
#include "base/error.hpp"
#include "services/http_server/rate_limiter.hpp"

namespace qck::http_server {

/// Where instances tell each other what clients asked. Blocking; for one thread at a time.
class SharedLimits {
public:
    virtual ~SharedLimits() = default;

    struct Round {
        std::uint32_t instances = 1;  ///< that came here in the last seconds, this one included
        std::vector<std::int64_t> debts_ns;  ///< of each client, what was added included
    };
    /// Adds to what clients owe of the limit of that name. When it fails any of it may have been
    /// added; adding it again errs to the side of refusing.
    virtual Result<Round> exchange(const std::string& name, const RateLimit& limit,
                                   std::span<const LimitUse> uses) = 0;
};

/// The thread that lets limits hold over all instances. No request waits for it: while nobody is
/// there to exchange with, each instance limits by itself.
class LimitExchange {
public:
    struct Limiter {
        std::string name;  ///< `redirect`
        RateLimiter& limiter;
    };
    struct Config {
        /// At least so often; at once, though no sooner than `at_once`, when a client presses.
        std::chrono::milliseconds every{100};
        std::chrono::milliseconds at_once{5};
        /// How long one exchange is good for: then the instance goes on by itself.
        std::chrono::milliseconds good_for{300};
        Backoff::Config retry{std::chrono::milliseconds(100), std::chrono::milliseconds(2'000)};
        std::uint64_t seed = 0;
    };
    /// All outlive it.
    LimitExchange(SharedLimits& shared, std::vector<Limiter> limiters, const Config& config);
    ~LimitExchange() { stop(); }
    LimitExchange(const LimitExchange&) = delete;
    LimitExchange& operator=(const LimitExchange&) = delete;

    void start();
    void stop();

    struct Figures {
        Counter exchanges;
        Counter failures;
        Counter clients;  ///< told of, one a client and exchange
    };
    const Figures& figures() const { return figures_; }

private:
    void run();
    Result<void> exchange_all();

    SharedLimits& shared_;
    const std::vector<Limiter> limiters_;
    const Config config_;
    Backoff backoff_;
    Figures figures_;
    bool away_ = false;  ///< said so
    std::atomic<bool> pressed_{false};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;  ///< guarded by mutex_
    std::thread thread_;
};

}  // namespace qck::http_server
