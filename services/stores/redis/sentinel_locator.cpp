#include "services/stores/redis/sentinel_locator.hpp"

#include <string>
#include <utility>

#include "base/clock.hpp"

namespace qck::redis {
namespace {

Greeting sentinel_greeting(const RedisUrl& url) {
    Greeting greeting{url.user, url.password};
    greeting.auth_may_be_refused = true;
    return greeting;
}

}  // namespace

SentinelLocator::SentinelLocator(const Environment& environment)
    : environment_(environment),
      connection_(environment.reactor, environment.resolver, environment.config, environment.tls,
                  sentinel_greeting(environment.config.url), *this, environment.seeds.next()),
      switches_(environment, sentinel_greeting(environment.config.url),
                [this] { return std::optional(sentinel()); }) {}

const Endpoint& SentinelLocator::sentinel() const {
    const auto& sentinels = environment_.config.url.endpoints;
    return sentinels[turn_ % sentinels.size()];
}

void SentinelLocator::start(std::function<void()> moved) {
    moved_ = std::move(moved);
    connection_.start();
    switches_.subscribe(
        "+switch-master",
        [this](std::string_view payload) {
            // <master name> <old ip> <old port> <new ip> <new port>
            if (payload.starts_with(environment_.config.url.master_name + " ")) moved_();
        },
        [](bool) {});
}

void SentinelLocator::stop() {
    found_ = nullptr;
    connection_.stop();
}

void SentinelLocator::locate(Found found) {
    found_ = std::move(found);
    ask();
}

void SentinelLocator::ask() {
    if (!found_ || connection_.state() != Connection::State::ready) return;
    Request request;
    request.command =
        Command("SENTINEL").arg("get-master-addr-by-name").arg(environment_.config.url.master_name);
    request.deadline_ns =
        monotonic_ns() + std::chrono::nanoseconds(environment_.config.command_timeout).count();
    request.internal = true;
    request.done = [](const Result<Reply>&) {};
    connection_.submit(std::move(request));
    connection_.flush();
}

void SentinelLocator::answer(const Result<Endpoint>& found) {
    if (const Found waiting = std::exchange(found_, nullptr)) waiting(found);
}

void SentinelLocator::on_attempt(Connection& connection) { connection.connect_to(sentinel()); }

void SentinelLocator::on_ready(Connection&) { ask(); }

void SentinelLocator::on_reply(Connection& connection, Request&&, Reply&& reply) {
    const auto endpoint =
        parse_endpoint(std::string(reply[0].text()) + ":" + std::string(reply[1].text()));
    if (endpoint && !endpoint->host.empty()) {
        answer(*endpoint);
        return;
    }
    const std::string why =
        reply.is_error() ? std::string(reply.text())
                         : "it knows no master '" + environment_.config.url.master_name + "'";
    answer(error(Errc::unavailable, "Sentinel " + connection.endpoint().to_string() + ": " + why));
    connection.drop(error(Errc::unavailable, why));  // another may know
}

void SentinelLocator::on_overdue(Connection&, Request&&, Error why) { answer(why); }

void SentinelLocator::on_lost(Connection& connection, const Error& why, std::vector<Request>,
                              std::vector<Request>) {
    ++turn_;
    answer(error(Errc::unavailable,
                 "Sentinel " + connection.endpoint().to_string() + ": " + why.message));
}

}  // namespace qck::redis
