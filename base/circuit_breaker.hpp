#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace qck {

/// Keeps callers from a peer that fails (Nygard, "Release It!", 2nd ed., section 5.2): closed while
/// it answers; open after so many failures in a row; once the period is over one call, and no other
/// until the next period, tries whether it is well again.
///
/// Reads no clock: `now_ns` is monotonic. Thread-safe and without locks; with many callers a
/// success that meets a failure may be forgotten, which costs at most one period.
class CircuitBreaker {
public:
    struct Config {
        /// In a row, until it opens; 0: it never does.
        std::uint32_t failures_max = 5;
        /// How long it stays open before a call is tried.
        std::chrono::milliseconds period{60'000};
    };
    explicit CircuitBreaker(const Config& config) : config_(config) {}

    /// Whether the peer may be called now; who is told so reports how it went. While open, the one
    /// who is let through is the trial.
    bool allows(std::int64_t now_ns) {
        std::int64_t until = open_until_ns_.load(std::memory_order_acquire);
        if (until == 0) [[likely]]
            return true;
        const std::int64_t next = now_ns + std::chrono::nanoseconds(config_.period).count();
        if (now_ns >= until &&
            open_until_ns_.compare_exchange_strong(until, next, std::memory_order_acq_rel)) {
            return true;
        }
        refused_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }

    /// True when this success closed it.
    bool succeeded() {
        if (failures_.load(std::memory_order_relaxed) != 0) {
            failures_.store(0, std::memory_order_relaxed);
        }
        if (open_until_ns_.load(std::memory_order_relaxed) == 0) [[likely]]
            return false;
        return open_until_ns_.exchange(0, std::memory_order_acq_rel) != 0;
    }

    /// True when this failure opened it.
    bool failed(std::int64_t now_ns) {
        const std::uint32_t failures = failures_.fetch_add(1, std::memory_order_relaxed) + 1;
        if (config_.failures_max == 0 || failures < config_.failures_max) return false;
        const std::int64_t until = now_ns + std::chrono::nanoseconds(config_.period).count();
        const bool opened = open_until_ns_.exchange(until, std::memory_order_acq_rel) == 0;
        if (opened) opened_.fetch_add(1, std::memory_order_relaxed);
        return opened;
    }

    /// Somebody else found the peer well: while open, the next call is the trial, whatever is left
    /// of the period.
    void may_be_well(std::int64_t now_ns) {
        std::int64_t until = open_until_ns_.load(std::memory_order_relaxed);
        if (until > now_ns) {
            open_until_ns_.compare_exchange_strong(until, now_ns, std::memory_order_acq_rel);
        }
    }

    /// Whether a call would be refused now; not any more when the next one would be the trial.
    bool refuses(std::int64_t now_ns) const {
        const std::int64_t until = open_until_ns_.load(std::memory_order_relaxed);
        return until != 0 && now_ns < until;
    }
    /// From when on the next call is the trial; 0: it is closed.
    std::int64_t open_until_ns() const { return open_until_ns_.load(std::memory_order_relaxed); }
    bool is_open() const { return open_until_ns_.load(std::memory_order_relaxed) != 0; }
    std::uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }
    /// Calls that were not made.
    std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

private:
    const Config config_;
    std::atomic<std::int64_t> open_until_ns_{0};  ///< 0: closed
    std::atomic<std::uint32_t> failures_{0};      ///< in a row
    std::atomic<std::uint64_t> opened_{0};
    std::atomic<std::uint64_t> refused_{0};
};

}  // namespace qck
