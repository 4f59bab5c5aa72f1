#include "services/stores/redis/single_dispatcher.hpp"

#include <utility>

#include "services/stores/redis/protocol/error_reply.hpp"

namespace qck::redis {
namespace {

Greeting greeting_of(const RedisUrl& url) {
    return {url.user, url.password, url.db, false, url.topology == Topology::sentinel};
}

}  // namespace

SingleDispatcher::SingleDispatcher(const Environment& environment, std::unique_ptr<Locator> locator)
    : environment_(environment),
      locator_(std::move(locator)),
      connection_(environment.reactor, environment.resolver, environment.config, environment.tls,
                  greeting_of(environment.config.url), *this, environment.seeds.next()) {}

void SingleDispatcher::start() {
    if (locator_) {
        locator_->start([this] {
            connection_.drop(error(Errc::unavailable, "Sentinel names another master"));
        });
    }
    connection_.start();
}

std::vector<Request> SingleDispatcher::stop() {
    if (locator_) locator_->stop();
    return connection_.stop();
}

void SingleDispatcher::submit(Request&& request) {
    if (connection_.state() == Connection::State::down) {
        environment_.ledger.refuse_later(std::move(request), unreachable());
    } else {
        connection_.submit(std::move(request));
    }
}

Error SingleDispatcher::unreachable() const {
    return error(Errc::unavailable, "cannot use " + environment_.config.url.to_string() + ": " +
                                        connection_.trouble() + " (is it running? set --redis)");
}

ClientState SingleDispatcher::state() const {
    switch (connection_.state()) {
        case Connection::State::ready:
            return ClientState::ready;
        case Connection::State::down:
            return ClientState::down;
        default:
            return ClientState::connecting;
    }
}

std::optional<Endpoint> SingleDispatcher::server_for_subscription() {
    if (!locator_) return environment_.config.url.endpoints.front();
    if (connection_.state() != Connection::State::ready) return std::nullopt;
    return connection_.endpoint();
}

void SingleDispatcher::on_attempt(Connection& connection) {
    if (!locator_) {
        connection.connect_to(environment_.config.url.endpoints.front());
        return;
    }
    locator_->locate([this](const Result<Endpoint>& found) {
        if (found) {
            connection_.connect_to(*found);
        } else {
            connection_.fail_attempt(found.error());
        }
    });
}

void SingleDispatcher::on_ready(Connection&) { environment_.ledger.figures().connected.add(); }

void SingleDispatcher::on_reply(Connection& connection, Request&& request, Reply&& reply) {
    if (locator_ && reply.is_error() &&
        parse_error_reply(reply.text()).refusal == Refusal::read_only) {
        // It has been made a replica and has done nothing: ask for the new master, go on there.
        connection.submit(std::move(request));
        connection.drop(error(Errc::unavailable, "it has become a replica"));
        return;
    }
    environment_.ledger.finish(std::move(request), std::move(reply),
                               connection.endpoint().to_string());
}

void SingleDispatcher::on_overdue(Connection&, Request&& request, Error why) {
    environment_.ledger.finish(std::move(request), std::move(why));
}

void SingleDispatcher::on_lost(Connection& connection, const Error& why,
                               std::vector<Request> written, std::vector<Request> unwritten) {
    const bool down = connection.state() == Connection::State::down;
    if (!down) environment_.ledger.figures().lost.add();
    for (Request& request : written) {
        if (!request.done) continue;
        if (!down && request.command.may_repeat()) {
            connection.submit(std::move(request));
        } else {
            environment_.ledger.finish(
                std::move(request),
                error(Errc::unavailable, "lost redis " + connection.endpoint().to_string() +
                                             " before it answered: " + why.message));
        }
    }
    for (Request& request : unwritten) {
        if (!request.done) continue;
        if (!down) {
            connection.submit(std::move(request));
        } else {
            environment_.ledger.finish(std::move(request), unreachable());
        }
    }
}

}  // namespace qck::redis
