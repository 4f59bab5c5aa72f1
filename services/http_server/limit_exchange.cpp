#include "services/http_server/limit_exchange.hpp"

#include <utility>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "base/log.hpp"

namespace qck::http_server {

LimitExchange::LimitExchange(SharedLimits& shared, std::vector<Limiter> limiters,
                             const Config& config)
    : shared_(shared),
      limiters_(std::move(limiters)),
      config_(config),
      backoff_(config.retry, config.seed) {
    for (const Limiter& one : limiters_) {
        one.limiter.on_pressing([this] {
            // Without the mutex: a wake that is missed costs one pause.
            if (!pressed_.exchange(true, std::memory_order_relaxed)) wake_.notify_one();
        });
    }
}

void LimitExchange::start() {
    thread_ = std::thread([this] { run(); });
}

void LimitExchange::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void LimitExchange::run() {
    name_thread("qck-limits");
    const auto asleep = [this](std::chrono::nanoseconds pause, bool until_pressed) {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, pause, [&] {
            return stopping_ || (until_pressed && pressed_.load(std::memory_order_relaxed));
        });
        return !stopping_;
    };
    while (true) {
        pressed_.store(false, std::memory_order_relaxed);
        const auto exchanged = exchange_all();
        if (exchanged) {
            backoff_.reset();
            if (std::exchange(away_, false)) log::info("rate_limits_shared_again");
            if (!asleep(config_.at_once, false)) return;
            if (!asleep(config_.every - config_.at_once, true)) return;
            continue;
        }
        figures_.failures.add();
        for (const Limiter& one : limiters_) one.limiter.leave();
        if (!std::exchange(away_, true)) {
            log::warn("rate_limits_not_shared", {{"error", exchanged.error().message}});
        }
        if (!asleep(backoff_.next(), false)) return;
    }
}

Result<void> LimitExchange::exchange_all() {
    for (const Limiter& one : limiters_) {
        const std::int64_t begin_ns = monotonic_ns();
        const auto uses = one.limiter.uses(begin_ns);
        const auto round = shared_.exchange(one.name, one.limiter.limit(), uses);
        if (!round) {
            one.limiter.untold(uses);
            return round.error();
        }
        const std::int64_t now_ns = monotonic_ns();
        // First, so that what is told is measured as it was asked.
        one.limiter.told(uses, round->debts_ns, now_ns);
        const auto good_for = std::chrono::nanoseconds(config_.good_for).count();
        one.limiter.join(round->instances, now_ns, begin_ns + good_for);
        figures_.clients.add(uses.size());
    }
    figures_.exchanges.add();
    return {};
}

}  // namespace qck::http_server
