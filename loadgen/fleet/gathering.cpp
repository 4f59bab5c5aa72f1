#include "loadgen/fleet/gathering.hpp"

#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "loadgen/fleet/protocol/timing.hpp"

namespace qck::fleet {
namespace {

constexpr std::int64_t retry_ns = 200'000'000;
constexpr std::int64_t look_up_ns = 20'000'000;
/// Agents that are there hear so often from us while the others are waited for.
constexpr std::int64_t waiting_beat_ns = 1'000'000'000;
/// Agents of this machine are there sooner.
constexpr std::int64_t told_after_ns = 1'000'000'000;
/// Connections that dialled in and have not greeted; more wait to be accepted.
constexpr std::size_t strangers_max = 64;

Hello coordinator_hello() {
    Hello hello;
    hello.role = Role::coordinator;
    hello.name = "coordinator";
    return hello;
}

/// HOST and PORT of `HOST:PORT`.
Result<std::vector<net::Address>> look_up(const std::string& host_port) {
    const auto colon = host_port.rfind(':');
    std::uint16_t port = 0;
    if (colon != std::string::npos) {
        const std::string digits = host_port.substr(colon + 1);
        const bool number = !digits.empty() && digits.size() <= 5 &&
                            digits.find_first_not_of("0123456789") == std::string::npos;
        const unsigned long value = number ? std::stoul(digits) : 0;
        if (value >= 1 && value <= 65535) port = static_cast<std::uint16_t>(value);
    }
    if (port == 0 || colon == 0) {
        return error(Errc::invalid_argument,
                     "'" + host_port + "' is not HOST:PORT of an agent (try host1:7070)");
    }
    return net::resolve(host_port.substr(0, colon), port);
}

}  // namespace

std::unique_ptr<Gathering::Candidate> Gathering::candidate_of(Peer peer, std::string address,
                                                              std::int64_t now_ns) const {
    auto candidate = std::make_unique<Candidate>(
        Candidate{std::move(peer), Greeting(coordinator_hello(), config_.token), std::move(address),
                  now_ns + greeting_within.count()});
    candidate->peer.send(candidate->greeting.hello());
    return candidate;
}

Result<void> Gathering::resolve() {
    for (const std::string& one : config_.dial) {
        auto addresses = look_up(one);
        if (!addresses) return addresses.error();
        if (addresses->empty()) return error(Errc::unavailable, "cannot resolve " + one);
        const bool is_here = std::all_of(addresses->begin(), addresses->end(),
                                         [](const auto& address) { return address.is_loopback(); });
        if (!is_here && config_.token.empty()) {
            return error(Errc::invalid_argument, "agent " + one +
                                                     " is not on this machine, which needs a token "
                                                     "(QCK_FLEET_TOKEN, or --fleet-token-file)");
        }
        if (!is_here && config_.secret && config_.dial_tls == nullptr) {
            return error(Errc::invalid_argument,
                         "agent " + one +
                             " is not on this machine, and the requests' Authorization header "
                             "would go to it unencrypted (start it with --tls-cert and --tls-key, "
                             "and give the bench --agents-ca)");
        }
        Place& place = places_.emplace_back();
        place.dial = one;
        place.addresses = std::move(*addresses);
        place.trouble = "no answer";
    }
    places_.resize(places_.size() + config_.joining);
    return {};
}

void Gathering::dial(Place& place, std::int64_t now_ns) {
    place.retry_ns = now_ns + retry_ns;
    const net::Address& to = place.addresses[place.tries++ % place.addresses.size()];
    auto socket = net::start_connect(to);
    if (!socket) {
        place.trouble = socket.error().message;
        return;
    }
    std::optional<net::TlsStream> tls;
    if (config_.dial_tls != nullptr) {
        const std::string host = place.dial.substr(0, place.dial.rfind(':'));
        auto stream = config_.dial_tls->connect(socket->get(), host);
        if (!stream) {
            place.trouble = stream.error().message;
            return;
        }
        tls.emplace(std::move(*stream));
    }
    place.candidate = candidate_of(Peer(std::move(*socket), std::move(tls)), place.dial, now_ns);
}

void Gathering::accept(std::int64_t now_ns) {
    while (config_.listener && strangers_.size() < strangers_max) {
        net::Address from;
        from.length = sizeof from.storage;
        net::Fd socket(::accept4(config_.listener.get(), from.data(), &from.length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!socket) return;
        const int on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        std::optional<net::TlsStream> tls;
        if (config_.listen_tls != nullptr) {
            auto stream = config_.listen_tls->accept(socket.get());
            if (!stream) continue;
            tls.emplace(std::move(*stream));
        }
        strangers_.push_back(
            candidate_of(Peer(std::move(socket), std::move(tls)), from.to_string(), now_ns));
    }
}

void Gathering::seat(std::unique_ptr<Candidate> candidate, Place* place, std::int64_t now_ns) {
    const Hello& hello = candidate->greeting.peer();
    Member member{hello.name, candidate->address, hello.host, hello.threads};
    if (member.name.empty()) member.name = member.address;
    for (Place& other : places_) {
        if (place == nullptr && other.dial.empty() && !other.greeted) place = &other;
    }
    if (place == nullptr) {
        candidate->peer.send(Refusal{"all agents that were waited for are there"});
        return;
    }
    candidate->peer.trust();
    place->greeted = std::make_unique<Greeted>(Greeted{std::move(candidate->peer), member});
    place->beat_ns = place->heard_ns = now_ns;
}

void Gathering::keep(Place& place, std::int64_t now_ns) {
    Peer& peer = place.greeted->peer;
    if (now_ns - place.beat_ns >= waiting_beat_ns) {
        place.beat_ns = now_ns;
        peer.send(Beat{now_ns, 0});
    }
    std::vector<Message> pulses;
    const auto received = peer.receive(pulses);
    if (!pulses.empty()) place.heard_ns = now_ns;
    std::string trouble;
    if (!received) trouble = received.error().message;
    for (const Message& message : pulses) {
        if (const auto* refusal = std::get_if<Refusal>(&message)) trouble = refusal->why;
    }
    const std::chrono::nanoseconds silent(now_ns - place.heard_ns);
    if (silent > silence_max) trouble = "nothing was heard from it for " + format_duration(silent);
    if (trouble.empty()) return;
    trouble = "agent " + place.greeted->member.name + " was there and has gone: " + trouble;
    place.greeted.reset();
    place.retry_ns = now_ns + retry_ns;
    (place.dial.empty() ? stranger_trouble_ : place.trouble) = std::move(trouble);
}

Result<void> Gathering::follow(std::unique_ptr<Candidate>& candidate, Place* place,
                               std::int64_t now_ns) {
    std::vector<Message> messages;
    auto received = candidate->peer.receive(messages);
    std::string trouble;
    bool final = false;
    for (const Message& message : messages) {
        auto answer = candidate->greeting.take(message);
        if (answer) {
            if (*answer) candidate->peer.send(**answer);
            continue;
        }
        trouble = answer.error().message;
        // Busy with another coordinator, or not listening yet: both may pass. What it is does not.
        const auto* const refusal = std::get_if<Refusal>(&message);
        final = refusal == nullptr || refusal->why != busy_refusal;
        candidate->peer.send(Refusal{trouble});
        break;
    }
    if (trouble.empty() && candidate->greeting.is_done()) {
        seat(std::exchange(candidate, nullptr), place, now_ns);
        return {};
    }
    if (trouble.empty() && !received) {
        trouble = received.error().message;
        const Errc code = received.error().code;
        final = code == Errc::invalid_argument || code == Errc::permission;
    }
    if (trouble.empty() && now_ns > candidate->until_ns) {
        trouble = "it did not greet within " + format_duration(greeting_within);
    }
    if (trouble.empty()) return {};
    trouble = "agent at " + candidate->address + ": " + trouble;
    candidate.reset();
    if (place == nullptr) {
        stranger_trouble_ = std::move(trouble);
        return {};
    }
    place->trouble = trouble;
    if (final) return error(Errc::unavailable, std::move(trouble));
    return {};
}

void Gathering::wait(std::int64_t until_ns) {
    std::vector<pollfd> watched;
    if (config_.listener) watched.push_back({config_.listener.get(), POLLIN, 0});
    const auto watch = [&](const auto& one) {
        watched.push_back({one.peer.fd(), one.peer.poll_events(), 0});
    };
    for (const Place& place : places_) {
        if (place.candidate) watch(*place.candidate);
        if (place.greeted) watch(*place.greeted);
    }
    for (const auto& stranger : strangers_) watch(*stranger);
    const std::int64_t left_ns = std::clamp<std::int64_t>(until_ns - monotonic_ns(), 0, look_up_ns);
    const timespec timeout{0, left_ns};
    ::ppoll(watched.data(), watched.size(), &timeout, nullptr);
}

bool Gathering::is_complete() const {
    return std::all_of(places_.begin(), places_.end(),
                       [](const Place& place) { return place.greeted != nullptr; });
}

std::string Gathering::missing(const std::string& how) const {
    const auto there = std::count_if(places_.begin(), places_.end(),
                                     [](const Place& place) { return place.greeted != nullptr; });
    std::string text =
        std::to_string(there) + " of " + std::to_string(places_.size()) + " agents " + how;
    for (const Place& place : places_) {
        if (place.greeted || place.dial.empty()) continue;
        const bool named = place.trouble.find(place.dial) != std::string::npos;
        text += "; " + (named ? place.trouble : "agent at " + place.dial + ": " + place.trouble);
    }
    if (!stranger_trouble_.empty()) text += "; " + stranger_trouble_;
    return text;
}

Result<std::vector<Greeted>> Gathering::run(const std::function<bool()>& interrupted) {
    if (auto resolved = resolve(); !resolved) return resolved.error();
    const std::int64_t begin_ns = monotonic_ns();
    const std::int64_t until_ns = begin_ns + config_.within.count();
    bool told = false;
    while (!is_complete()) {
        const std::int64_t now_ns = monotonic_ns();
        if (now_ns > until_ns) {
            return error(Errc::unavailable,
                         "only " + missing("came within " + format_duration(config_.within)));
        }
        if (config_.on_wait && !told && now_ns - begin_ns >= told_after_ns) {
            told = true;
            config_.on_wait(missing("are there"));
        }
        if (interrupted()) {
            return error(Errc::unavailable, "interrupted while agents were waited for");
        }
        accept(now_ns);
        for (Place& place : places_) {
            if (place.greeted) keep(place, now_ns);
            if (place.dial.empty() || place.greeted) continue;
            if (!place.candidate && now_ns >= place.retry_ns) dial(place, now_ns);
            if (!place.candidate) continue;
            if (auto good = follow(place.candidate, &place, now_ns); !good) return good.error();
        }
        for (auto& stranger : strangers_) {
            if (auto good = follow(stranger, nullptr, now_ns); !good) return good.error();
        }
        std::erase(strangers_, nullptr);
        if (!is_complete()) wait(until_ns);
    }
    std::vector<Greeted> all;
    for (Place& place : places_) all.push_back(std::move(*place.greeted));
    return all;
}

}  // namespace qck::fleet
