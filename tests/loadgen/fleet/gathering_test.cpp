#include "loadgen/fleet/gathering.hpp"

#include <poll.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <variant>

#include "base/net/address.hpp"
#include "loadgen/fleet/agent.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::fleet;
using namespace std::chrono_literals;

namespace {

/// A fleet that is waited for, on a thread of its own: two agents that dial in.
class Waiting {
public:
    Waiting() {
        auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
        REQUIRE(listeners.has_value());
        address_ = *net::local_address(listeners->front().get());
        FleetConfig config;
        config.listener = std::move(listeners->front());
        config.joining = 2;
        config.token = "ours";
        config.within = 20s;
        thread_ = std::thread([this, config = std::move(config)]() mutable {
            auto fleet = Fleet::gather(std::move(config), [this] { return over_.load(); });
            if (fleet) {
                for (const Member& member : (*fleet)->members()) names_.insert(member.name);
            } else {
                failure_ = fleet.error().message;
            }
            is_gathered_ = true;
        });
    }
    ~Waiting() {
        over_ = true;
        thread_.join();
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    const net::Address& address() const { return address_; }
    bool is_gathered() const { return is_gathered_; }
    /// When it is.
    const std::multiset<std::string>& names() const { return names_; }
    const std::string& failure() const { return failure_; }

private:
    net::Address address_;
    std::atomic<bool> over_{false};
    std::atomic<bool> is_gathered_{false};
    std::multiset<std::string> names_;
    std::string failure_;
    std::thread thread_;
};

/// An agent as `qck agent --join` runs it.
class JoiningAgent {
public:
    JoiningAgent(const std::string& name, const net::Address& to) {
        AgentConfig config;
        config.name = name;
        config.token = "ours";
        thread_ = std::thread([this, config = std::move(config), port = to.port()]() mutable {
            Agent agent(std::move(config), [this] { return over_.load(); });
            (void)agent.join("127.0.0.1", port);
        });
    }
    ~JoiningAgent() {
        over_ = true;
        thread_.join();
    }
    JoiningAgent(const JoiningAgent&) = delete;
    JoiningAgent& operator=(const JoiningAgent&) = delete;

private:
    std::atomic<bool> over_{false};
    std::thread thread_;
};

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
    Waiting waiting;
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
    const JoiningAgent one("one", waiting.address());
    const JoiningAgent two("two", waiting.address());
    CHECK(test::within(5s, [&] { return waiting.is_gathered(); }));
    if (!waiting.is_gathered()) return;
    CHECK(waiting.failure().empty());
    CHECK(waiting.names() == std::multiset<std::string>{"one", "two"});
}
