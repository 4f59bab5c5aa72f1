#include "loadgen/fleet/gathering.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <variant>

#include "tests/loadgen/fleet/gathered_fleet.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::fleet;
using namespace std::chrono_literals;

namespace {

/// The messages that come within some milliseconds.
std::vector<Message> heard(Peer& peer) {
    pollfd watched{peer.fd(), peer.poll_events(), 0};
    ::poll(&watched, 1, 20);
    std::vector<Message> messages;
    (void)peer.receive(messages);
    return messages;
}

/// A connection that has greeted as an agent, and does nothing by itself.
Peer greeted_as(const std::string& name, const net::Address& to) {
    auto socket = net::start_connect(to);
    REQUIRE(socket.has_value());
    Peer peer(std::move(*socket));
    Hello hello;
    hello.role = Role::agent;
    hello.name = name;
    Greeting greeting(hello, "ours");
    peer.send(greeting.hello());
    const auto is_done = [&] {
        for (const Message& message : heard(peer)) {
            auto answer = greeting.take(message);
            REQUIRE(answer.has_value());
            if (*answer) peer.send(**answer);
        }
        return greeting.is_done();
    };
    REQUIRE(test::within(5s, is_done));
    return peer;
}

}  // namespace

TEST_CASE("an agent that waits for others hears a beat, and when it goes its place is free",
          "[loadgen][fleet]") {
    const test::SilentLog silent;
    test::GatheredFleet waiting(2);
    {
        Peer gone = greeted_as("gone", waiting.address());
        const auto beat = [&] {
            for (const Message& message : heard(gone)) {
                if (std::holds_alternative<Beat>(message)) return true;
            }
            return false;
        };
        CHECK(test::within(5s, beat));
    }
    const test::JoiningAgent one("one", waiting.address());
    const test::JoiningAgent two("two", waiting.address());
    CHECK(test::within(5s, [&] { return waiting.is_gathered(); }));
    if (!waiting.is_gathered()) return;
    CHECK(waiting.failure().empty());
    CHECK(waiting.names() == std::multiset<std::string>{"one", "two"});
}

TEST_CASE("an agent that is busy is dialled again, and one that refuses is not",
          "[loadgen][fleet]") {
    const auto refused_with = [](const std::string& why) {
        auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
        REQUIRE(listeners.has_value());
        const int listener = listeners->front().get();
        std::atomic<bool> over{false};
        std::thread refusing([&] {
            while (!over) {
                net::Fd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
                if (!socket) {
                    std::this_thread::sleep_for(1ms);
                    continue;
                }
                Peer peer(std::move(socket));
                peer.send(Refusal{why});
                (void)heard(peer);
            }
        });
        FleetConfig config;
        config.dial = {net::local_address(listener)->to_string()};
        config.within = 700ms;
        const auto fleet = Fleet::gather(std::move(config), [] { return false; });
        over = true;
        refusing.join();
        REQUIRE_FALSE(fleet.has_value());
        return fleet.error().message;
    };
    CHECK(test::contains(refused_with(busy_refusal), "only 0 of 1 agents"));
    const std::string final = refused_with("another token than that of busybox1");
    CHECK_FALSE(test::contains(final, "only"));
    CHECK(test::contains(final, "another token"));
}
