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
namespace {

/// Of what another thread does, for one that waits.
template <class T>
class Outcome {
public:
    void come(T result) {
        const std::lock_guard lock(mutex_);
        result_ = std::move(result);
        came_.notify_all();
    }
    /// Empty when it did not come in time.
    std::optional<T> wait(std::chrono::milliseconds deadline) {
        std::unique_lock lock(mutex_);
        came_.wait_for(lock, deadline, [this] { return result_.has_value(); });
        return result_;
    }

private:
    std::mutex mutex_;
    std::condition_variable came_;
    std::optional<T> result_;
};

Error too_late() { return error(Errc::timed_out, "Redis did not answer in time"); }

}  // namespace

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

Result<std::unique_ptr<SharedLinks>> SharedLinks::open(const redis::ClientConfig& config, Told told,
                                                       links::LinkOutbox& outbox) {
    std::unique_ptr<SharedLinks> links(new SharedLinks);
    auto thread = ReactorThread::create("qck-shared", -1);
    if (!thread) return thread.error();
    links->thread_ = std::move(*thread);
    auto client = redis::Client::create(links->thread_->reactor(), config);
    if (!client) return client.error();
    links->client_ = std::move(*client);
    links->drain_ = std::make_unique<links::OutboxDrain>(
        outbox, [links = links.get()](const links::NotedChange& change) {
            if (change.link) {
                links->changes_->link_changed(*change.link);
            } else {
                links->changes_->link_removed(change.code, change.absent_version);
            }
        });
    links->changes_ = std::make_unique<redis::LinkChanges>(
        links->thread_->reactor(), *links->client_, redis::LinkChangesConfig{},
        std::move(told.changed), std::move(told.heard), std::move(told.ordered),
        [drain = links->drain_.get()](const std::string& code, std::uint64_t version) {
            drain->taken(code, version);
        });
    links->pins_ = std::make_unique<redis::ModePins>(links->thread_->reactor(), *links->client_,
                                                     std::move(told.pinned));
    if (config.url.topology == redis::Topology::cluster) {
        links->cluster_ =
            std::make_unique<redis::ClusterWatch>(links->thread_->reactor(), *links->client_);
    }
    return links;
}

std::vector<Result<void>> SharedLinks::send_each(std::vector<redis::Command> commands,
                                                 std::chrono::milliseconds deadline) {
    const auto outcome = std::make_shared<Outcome<std::vector<Result<void>>>>();
    const auto finish = [outcome](const std::vector<Result<redis::Reply>>& replies) {
        std::vector<Result<void>> results;
        for (const auto& reply : replies) {
            results.push_back(reply ? Result<void>() : Result<void>(reply.error()));
        }
        outcome->come(std::move(results));
    };
    const std::size_t asked = commands.size();
    const auto shared = std::make_shared<std::vector<redis::Command>>(std::move(commands));
    thread_->reactor().post(
        [this, shared, finish] { client_->pipeline(std::move(*shared), finish); });
    auto results = outcome->wait(deadline);
    return results ? std::move(*results) : std::vector<Result<void>>(asked, too_late());
}

Result<void> SharedLinks::send(std::vector<redis::Command> commands,
                               std::chrono::milliseconds deadline) {
    for (const auto& result : send_each(std::move(commands), deadline)) {
        if (!result) return result;
    }
    return {};
}

Result<void> SharedLinks::pin_mode(std::uint64_t link_id, const std::string& code,
                                   const std::string& mode, std::chrono::milliseconds deadline) {
    const auto outcome = std::make_shared<Outcome<Result<void>>>();
    thread_->reactor().post([this, outcome, link_id, code, mode] {
        pins_->set(link_id, code, mode,
                   [outcome](const Result<void>& result) { outcome->come(result); });
    });
    return outcome->wait(deadline).value_or(too_late());
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
    drain_->stop();
}

SharedLinks::~SharedLinks() {
    if (drain_) drain_->stop();
    if (thread_) thread_->stop();
    cluster_.reset();
    pins_.reset();
    changes_.reset();
    client_.reset();
}

}  // namespace qck::commands
