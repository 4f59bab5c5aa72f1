#include "cli/commands/shared_links.hpp"

#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/clock.hpp"

namespace qck::commands {

Result<std::unique_ptr<SharedLane>> SharedLane::open(net::Reactor& reactor,
                                                     const redis::ClientConfig& config,
                                                     cache::LinkSource& store,
                                                     CircuitBreaker& breaker, std::uint64_t seed) {
    redis::ClientConfig lookups = config;
    lookups.command_timeout = lookup_timeout;
    auto client = redis::Client::create(reactor, std::move(lookups));
    if (!client) return client.error();
    return std::unique_ptr<SharedLane>(new SharedLane(std::move(*client), store, breaker, seed));
}

Result<std::unique_ptr<SharedLinks>> SharedLinks::open(const redis::ClientConfig& config,
                                                       Told told) {
    std::unique_ptr<SharedLinks> links(new SharedLinks);
    auto thread = ReactorThread::create("qck-shared", -1);
    if (!thread) return thread.error();
    links->thread_ = std::move(*thread);
    auto client = redis::Client::create(links->thread_->reactor(), config);
    if (!client) return client.error();
    links->client_ = std::move(*client);
    links->changes_ = std::make_unique<redis::LinkChanges>(
        links->thread_->reactor(), *links->client_, redis::LinkChangesConfig{},
        std::move(told.changed), std::move(told.heard), std::move(told.ordered));
    return links;
}

Result<void> SharedLinks::send(std::vector<redis::Command> commands,
                               std::chrono::milliseconds deadline) {
    struct Outcome {
        std::mutex mutex;
        std::condition_variable came;
        std::optional<Result<void>> result;
    };
    const auto outcome = std::make_shared<Outcome>();
    const auto finish = [outcome](const std::vector<Result<redis::Reply>>& replies) {
        Result<void> result;
        for (const auto& reply : replies) {
            if (result && !reply) result = reply.error();
        }
        const std::lock_guard lock(outcome->mutex);
        outcome->result = std::move(result);
        outcome->came.notify_all();
    };
    const auto shared = std::make_shared<std::vector<redis::Command>>(std::move(commands));
    thread_->reactor().post(
        [this, shared, finish] { client_->pipeline(std::move(*shared), finish); });
    std::unique_lock lock(outcome->mutex);
    if (!outcome->came.wait_for(lock, deadline, [&] { return outcome->result.has_value(); })) {
        return error(Errc::timed_out, "Redis did not answer in time");
    }
    return *outcome->result;
}

void SharedLinks::stop(std::chrono::milliseconds deadline) {
    if (!std::exchange(started_, false)) return;
    const std::int64_t by_ns = monotonic_ns() + std::chrono::nanoseconds(deadline).count();
    std::promise<void> taken;
    thread_->reactor().post([&taken] { taken.set_value(); });
    taken.get_future().wait();
    while (figures().waiting.value() > 0 && monotonic_ns() < by_ns) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    thread_->stop();
}

SharedLinks::~SharedLinks() {
    if (thread_) thread_->stop();
    changes_.reset();
    client_.reset();
}

}  // namespace qck::commands
