#include "services/stores/redis/client.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "base/clock.hpp"
#include "services/stores/redis/cluster_dispatcher.hpp"
#include "services/stores/redis/sentinel_locator.hpp"
#include "services/stores/redis/single_dispatcher.hpp"

namespace qck::redis {
namespace {

std::uint64_t random_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

/// Collects the replies of a pipeline, which come in any order.
struct Gathering {
    Gathering(std::size_t count, Client::PipelineDone when_complete)
        : results(count), missing(count), done(std::move(when_complete)) {}

    std::vector<Result<Reply>> results;
    std::size_t missing;
    Client::PipelineDone done;
};

std::unique_ptr<Dispatcher> make_dispatcher(const Environment& environment) {
    switch (environment.config.url.topology) {
        case Topology::cluster:
            return std::make_unique<ClusterDispatcher>(environment);
        case Topology::sentinel:
            return std::make_unique<SingleDispatcher>(
                environment, std::make_unique<SentinelLocator>(environment));
        default:
            return std::make_unique<SingleDispatcher>(environment, nullptr);
    }
}

}  // namespace

Result<std::unique_ptr<Client>> Client::create(net::Reactor& reactor, ClientConfig config) {
    if (config.url.endpoints.empty() || config.command_timeout.count() <= 0 ||
        config.connect_timeout.count() <= 0 || config.commands_max == 0) {
        return error(Errc::invalid_argument, "a Redis client needs a server, and limits above 0");
    }
    std::unique_ptr<net::TlsClientContext> tls;
    if (config.url.tls) {
        auto made = net::TlsClientContext::create({config.tls_ca_file, config.tls_verify});
        if (!made) return made.error();
        tls = std::move(*made);
    }
    return std::unique_ptr<Client>(new Client(reactor, std::move(config), std::move(tls)));
}

Client::Client(net::Reactor& reactor, ClientConfig config,
               std::unique_ptr<net::TlsClientContext> tls)
    : reactor_(reactor),
      config_(std::move(config)),
      tls_(std::move(tls)),
      seeds_(random_seed()),
      ledger_(config_.commands_max, config_.bytes_max),
      resolver_(reactor),
      self_(std::make_shared<Client*>(this)) {
    const Environment environment{reactor_, config_, tls_.get(), resolver_, ledger_, seeds_};
    dispatcher_ = make_dispatcher(environment);
    subscriber_ =
        std::make_unique<Subscriber>(environment, Greeting{config_.url.user, config_.url.password},
                                     [this] { return dispatcher_->server_for_subscription(); });
    reactor_.after_each_batch([weak = std::weak_ptr(self_)] {
        if (const auto self = weak.lock()) (*self)->flush();
    });
    dispatcher_->start();
}

Client::~Client() {
    self_.reset();
    reactor_.cancel(deadline_timer_);
    subscriber_.reset();
    ledger_.settle();
    for (Request& request : dispatcher_->stop()) {
        if (!request.done) continue;
        ledger_.finish(std::move(request),
                       error(Errc::unavailable, "the Redis client is stopping"));
    }
}

void Client::send(Command command, Done done) {
    if (!done) done = [](const Result<Reply>&) {};
    const auto timeout_ns = std::chrono::nanoseconds(config_.command_timeout).count();
    Request request{std::move(command), std::move(done), monotonic_ns() + timeout_ns};
    if (deadline_timer_ == 0) watch_deadlines();
    if (ledger_.admit(request)) {
        dispatcher_->submit(std::move(request));
    } else {
        ledger_.refuse_later(
            std::move(request),
            error(Errc::unavailable, "too many commands wait for " + config_.url.to_string()));
    }
}

void Client::pipeline(std::vector<Command> commands, PipelineDone done) {
    if (commands.empty()) {
        reactor_.post([done = std::move(done)] { done({}); });
        return;
    }
    const auto gathering = std::make_shared<Gathering>(commands.size(), std::move(done));
    for (std::size_t i = 0; i < commands.size(); ++i) {
        send(std::move(commands[i]), [gathering, i](Result<Reply> result) {
            gathering->results[i] = std::move(result);
            if (--gathering->missing == 0) gathering->done(std::move(gathering->results));
        });
    }
}

void Client::flush() {
    ledger_.settle();
    dispatcher_->flush();
    ledger_.figures().state.set(static_cast<std::uint64_t>(dispatcher_->state()));
}

/// Looks at deadlines only while something is under way, so that an idle client wakes nobody.
void Client::watch_deadlines() {
    const auto tick = std::clamp<std::chrono::nanoseconds>(
        config_.command_timeout / 10, std::chrono::milliseconds(1), std::chrono::milliseconds(100));
    deadline_timer_ = reactor_.after(tick, [this] {
        deadline_timer_ = 0;
        dispatcher_->expire(monotonic_ns());
        if (ledger_.in_flight() > 0 && deadline_timer_ == 0) watch_deadlines();
    });
}

SubscriptionId Client::subscribe(std::string channel, OnMessage on_message, OnState on_state) {
    return subscriber_->subscribe(std::move(channel), std::move(on_message), std::move(on_state));
}

void Client::unsubscribe(SubscriptionId id) { subscriber_->unsubscribe(id); }

}  // namespace qck::redis
