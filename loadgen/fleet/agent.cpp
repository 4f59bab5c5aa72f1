#include "loadgen/fleet/agent.hpp"

#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/net/address.hpp"
#include "loadgen/fleet/protocol/agent_session.hpp"
#include "loadgen/fleet/protocol/timing.hpp"

namespace qck::fleet {
namespace {

constexpr std::int64_t idle_wait_ns = 50'000'000;
constexpr std::int64_t busy_wait_ns = 10'000'000;
constexpr std::chrono::nanoseconds redial_after = std::chrono::milliseconds(300);
constexpr std::int64_t turned_away_ns = 1'000'000'000;
constexpr std::size_t turned_away_max = 16;
/// Connections that have not greeted; more wait to be accepted.
constexpr std::size_t callers_max = 64;

void wait_for(std::vector<pollfd> watched, std::int64_t span_ns) {
    const timespec timeout{0, span_ns};
    ::ppoll(watched.data(), watched.size(), &timeout, nullptr);
}

net::Fd accept_one(const net::Fd& listener, net::Address& from) {
    from.length = sizeof from.storage;
    net::Fd socket(
        ::accept4(listener.get(), from.data(), &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const int on = 1;
    if (socket) ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return socket;
}

}  // namespace

Agent::Agent(AgentConfig config, std::function<bool()> interrupted)
    : config_(std::move(config)), interrupted_(std::move(interrupted)), load_(config_.load) {}

bool Agent::sleep(std::chrono::nanoseconds span) const {
    const std::int64_t until_ns = monotonic_ns() + span.count();
    while (monotonic_ns() < until_ns && !interrupted_()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return !interrupted_();
}

Agent::Caller Agent::caller_of(Peer peer, std::string from) const {
    Hello hello;
    hello.role = Role::agent;
    hello.name = config_.name;
    hello.host = this_host();
    hello.threads = config_.load.threads;
    Caller caller{std::move(peer),
                  Greeting(hello, config_.token),
                  std::move(from),
                  monotonic_ns() + greeting_within.count(),
                  {}};
    caller.peer.send(caller.greeting.hello());
    return caller;
}

Result<bool> Agent::follow(Caller& caller) const {
    std::vector<Message> messages;
    const auto received = caller.peer.receive(messages);
    for (Message& message : messages) {
        if (caller.greeting.is_done()) {
            caller.early.push_back(std::move(message));
            continue;
        }
        auto answer = caller.greeting.take(message);
        if (!answer) {
            caller.peer.send(Refusal{answer.error().message});
            return answer.error();
        }
        if (*answer) caller.peer.send(**answer);
    }
    if (caller.greeting.is_done()) {
        caller.peer.trust();
        return true;
    }
    if (!received) return received.error();
    if (monotonic_ns() > caller.until_ns) {
        return error(Errc::timed_out, "it did not greet in time");
    }
    return false;
}

Result<void> Agent::greet(Caller& caller) const {
    while (!interrupted_()) {
        wait_for({{caller.peer.fd(), caller.peer.poll_events(), 0}}, busy_wait_ns);
        const auto greeted = follow(caller);
        if (!greeted) return greeted.error();
        if (*greeted) return {};
    }
    return error(Errc::timed_out, "interrupted while it greeted");
}

void Agent::turn_away(Peer peer) {
    if (turned_away_.size() >= turned_away_max) return;
    peer.send(Refusal{busy_refusal});
    turned_away_.push_back({std::move(peer), monotonic_ns() + turned_away_ns});
}

void Agent::turn_away(const net::Fd& listener) {
    net::Address from;
    if (net::Fd socket = accept_one(listener, from); socket && config_.listen_tls == nullptr) {
        turn_away(Peer(std::move(socket)));
    }
    std::erase_if(turned_away_, [](TurnedAway& one) {
        std::vector<Message> ignored;
        return monotonic_ns() > one.until_ns || !one.peer.receive(ignored);
    });
}

std::uint64_t Agent::serve_coordinator(Caller& coordinator, const net::Fd& listener) {
    Peer& peer = coordinator.peer;
    std::vector<Message>& early = coordinator.early;
    AgentSession session(load_, monotonic_ns());
    while (!session.over()) {
        if (interrupted_()) session.end("the agent is to end");
        std::vector<pollfd> watched{{peer.fd(), peer.poll_events(), 0}};
        if (listener) watched.push_back({listener.get(), POLLIN, 0});
        if (early.empty()) {
            wait_for(std::move(watched), session.is_running() ? busy_wait_ns : idle_wait_ns);
        }
        std::vector<Message> messages = std::exchange(early, {});
        const auto received = peer.receive(messages);
        for (const Message& message : messages) {
            session.on_message(message, monotonic_ns());
            // A beat is answered before anything else is looked at: its time counts.
            for (const Message& out : session.take_outgoing()) peer.send(out);
        }
        session.on_time(monotonic_ns());
        for (const Message& out : session.take_outgoing()) peer.send(out);
        if (!received) session.end(received.error().message);
        if (listener) turn_away(listener);
    }
    log::info("coordinator_gone", {{"runs", session.runs_done()}, {"why", *session.over()}});
    return session.runs_done();
}

void Agent::accept(const net::Fd& listener, std::vector<Caller>& callers) const {
    while (callers.size() < callers_max) {
        net::Address from;
        net::Fd socket = accept_one(listener, from);
        if (!socket) return;
        std::optional<net::TlsStream> tls;
        if (config_.listen_tls != nullptr) {
            auto stream = config_.listen_tls->accept(socket.get());
            if (!stream) continue;
            tls.emplace(std::move(*stream));
        }
        callers.push_back(caller_of(Peer(std::move(socket), std::move(tls)), from.to_string()));
    }
}

std::optional<Agent::Caller> Agent::greeted_of(std::vector<Caller>& callers) const {
    for (auto at = callers.begin(); at != callers.end();) {
        const auto greeted = follow(*at);
        if (greeted && !*greeted) {
            ++at;
            continue;
        }
        Caller caller = std::move(*at);
        at = callers.erase(at);
        if (greeted) return caller;
        log::warn("coordinator_refused", {{"peer", caller.from}, {"why", greeted.error().message}});
    }
    return std::nullopt;
}

Result<void> Agent::serve(net::Fd listener) {
    std::vector<Caller> callers;
    while (!interrupted_()) {
        std::vector<pollfd> watched{{listener.get(), POLLIN, 0}};
        for (const Caller& caller : callers) {
            watched.push_back({caller.peer.fd(), caller.peer.poll_events(), 0});
        }
        wait_for(std::move(watched), idle_wait_ns);
        accept(listener, callers);
        auto coordinator = greeted_of(callers);
        if (!coordinator) continue;
        for (Caller& other : callers) turn_away(std::move(other.peer));
        callers.clear();
        log::info("coordinator", {{"peer", coordinator->from}});
        if (serve_coordinator(*coordinator, listener) > 0 && config_.once) return {};
    }
    return {};
}

Result<Peer> Agent::dial(const net::Address& to, const std::string& host) const {
    auto socket = net::start_connect(to);
    if (!socket) return socket.error();
    if (config_.join_tls == nullptr) return Peer(std::move(*socket));
    auto stream = config_.join_tls->connect(socket->get(), host);
    if (!stream) return error(Errc::invalid_argument, stream.error().message);
    return Peer(std::move(*socket), std::move(*stream));
}

Result<void> Agent::join(const std::string& host, std::uint16_t port) {
    const std::string where = host + ":" + std::to_string(port);
    const net::Fd none;
    std::map<std::size_t, std::string> told;  // why not, by the address' place among them
    const auto tell = [&](std::size_t at, const Error& why) {
        if (interrupted_() || std::exchange(told[at], why.message) == why.message) return;
        log::warn("coordinator_unreachable", {{"peer", where}, {"why", why.message}});
    };
    for (std::size_t tries = 0; !interrupted_(); ++tries) {
        if (tries > 0 && !sleep(redial_after)) break;
        const auto addresses = net::resolve(host, port);
        if (!addresses || addresses->empty()) {
            tell(0, addresses ? error(Errc::unavailable, "it has no address") : addresses.error());
            continue;
        }
        const std::size_t at = tries % addresses->size();
        const net::Address& to = (*addresses)[at];
        if (config_.token.empty() && !to.is_loopback()) {
            return error(Errc::invalid_argument,
                         "the coordinator at " + where +
                             " is not on this machine, which needs a "
                             "token (QCK_FLEET_TOKEN, or --fleet-token-file)");
        }
        auto peer = dial(to, host);
        std::optional<Caller> coordinator;
        if (peer) coordinator.emplace(caller_of(std::move(*peer), where));
        const Result<void> greeted = peer ? greet(*coordinator) : peer.error();
        if (!greeted) {
            // Not there yet, or busy: again. Refused, mistrusted or no coordinator: never.
            const Errc code = greeted.error().code;
            if (code == Errc::permission || code == Errc::invalid_argument) {
                return error(Errc::unavailable,
                             "coordinator at " + where + ": " + greeted.error().message);
            }
            tell(at, greeted.error());
            continue;
        }
        told.clear();
        log::info("coordinator", {{"peer", where}});
        if (serve_coordinator(*coordinator, none) > 0 && config_.once) return {};
    }
    return {};
}

}  // namespace qck::fleet
