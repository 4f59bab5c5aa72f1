#include "services/stores/redis/protocol/cluster_routing.hpp"

#include <chrono>
#include <set>

#include "tests/services/stores/redis/protocol/wire_reply.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::redis;
using namespace std::chrono_literals;
using test::wire_reply;

namespace {

/// a (replicas r, s) has the lower slots, b the upper.
const char* const two_masters =
    "*2\r\n*5\r\n:0\r\n:8191\r\n*2\r\n+a\r\n:1\r\n*2\r\n+r\r\n:1\r\n*2\r\n+s\r\n:1\r\n"
    "*3\r\n:8192\r\n:16383\r\n*2\r\n+b\r\n:1\r\n";

constexpr NodeId a = 0;
constexpr NodeId b = 1;

ClusterRouting informed() {
    ClusterRouting routing({{"a", 1}, {"b", 1}}, {});
    REQUIRE(routing.begin_refresh(0) == a);
    REQUIRE(routing.end_refresh(a, wire_reply(two_masters).view()).has_value());
    return routing;
}

Command get_low() { return Command("GET").key("bar"); }   // slot 5061
Command get_high() { return Command("GET").key("foo"); }  // slot 12182
std::int64_t ns(std::chrono::nanoseconds span) { return span.count(); }

}  // namespace

TEST_CASE("before the first map nothing with a key has a route", "[redis]") {
    ClusterRouting routing({{"a", 1}, {"b", 1}, {"a", 1}}, {});
    CHECK(routing.seeds().size() == 2);
    CHECK_FALSE(routing.route(get_low()));
    CHECK(routing.route(Command("PING")) == Route{a});
    CHECK(routing.route(Command("PING")) == Route{b});
}

TEST_CASE("commands go to the master of their slot", "[redis]") {
    ClusterRouting routing = informed();
    CHECK(routing.route(get_low()) == Route{a});
    CHECK(routing.route(get_high()) == Route{b});
}

TEST_CASE("reads that may be stale go to replicas in turn, to the master when all are down",
          "[redis]") {
    ClusterRouting routing = informed();
    std::set<NodeId> used;
    for (int i = 0; i < 4; ++i) {
        const auto route = routing.route(get_low().from_replica());
        REQUIRE(route);
        CHECK(route->read_only);
        used.insert(route->node);
    }
    REQUIRE(used.size() == 2);
    const NodeId first = *used.begin();
    const NodeId second = *used.rbegin();
    routing.on_down(first);
    for (int i = 0; i < 4; ++i) CHECK(routing.route(get_low().from_replica())->node == second);
    routing.on_down(second);
    CHECK(routing.route(get_low().from_replica()) == Route{a});
    routing.on_down(a);
    CHECK_FALSE(routing.route(get_low().from_replica()));
    routing.on_up(second);  // reads go on without their master
    CHECK(routing.route(get_low().from_replica())->node == second);
    CHECK(routing.route(get_high().from_replica()) == Route{b});  // it has no replicas
}

TEST_CASE("MOVED sends there, remembers the slot, and wants a fresh map", "[redis]") {
    ClusterRouting routing = informed();
    std::uint8_t redirections = 0;
    Route to;
    CHECK(routing.on_error("MOVED 5061 b:1", a, redirections, to) == Verdict::resend);
    CHECK(to == Route{b});
    CHECK(redirections == 1);
    CHECK(routing.route(get_low()) == Route{b});
    CHECK(routing.refresh_is_wanted());
    // To a node nobody has heard of, and to one that does not know its own host.
    CHECK(routing.on_error("MOVED 5061 c:3", a, redirections, to) == Verdict::resend);
    CHECK(routing.map().endpoint_of(to.node) == Endpoint{"c", 3});
    CHECK(routing.on_error("MOVED 5061 :77", b, redirections, to) == Verdict::resend);
    CHECK(routing.map().endpoint_of(to.node) == Endpoint{"b", 77});
}

TEST_CASE("ASK sends there once, after ASKING, and remembers nothing", "[redis]") {
    ClusterRouting routing = informed();
    std::uint8_t redirections = 0;
    Route to;
    CHECK(routing.on_error("ASK 5061 b:1", a, redirections, to) == Verdict::resend);
    CHECK(to == Route{b, true});
    CHECK(routing.route(get_low()) == Route{a});
    CHECK_FALSE(routing.refresh_is_wanted());
}

TEST_CASE("a command that is sent round in circles gets the redirection as its answer", "[redis]") {
    ClusterRouting routing = informed();
    std::uint8_t redirections = 0;
    Route to;
    for (int i = 0; i < 8; ++i) {
        CHECK(routing.on_error(i % 2 == 0 ? "MOVED 5061 b:1" : "MOVED 5061 a:1", i % 2 == 0 ? a : b,
                               redirections, to) == Verdict::resend);
    }
    CHECK(routing.on_error("MOVED 5061 b:1", a, redirections, to) == Verdict::deliver);
}

TEST_CASE("what passes by itself is waited for, and what does not is the answer", "[redis]") {
    for (const char* reply : {"TRYAGAIN Multiple keys request during rehashing of slot",
                              "CLUSTERDOWN The cluster is down", "CLUSTERDOWN Hash slot not served",
                              "READONLY You can't write against a read only replica.",
                              "LOADING Redis is loading the dataset in memory",
                              "MASTERDOWN Link with MASTER is down"}) {
        ClusterRouting routing = informed();
        std::uint8_t redirections = 0;
        Route to;
        INFO(reply);
        CHECK(routing.on_error(reply, a, redirections, to) == Verdict::wait);
        CHECK(redirections == 0);
        CHECK(routing.refresh_is_wanted() == !test::contains(reply, "TRYAGAIN"));
    }
    for (const char* reply : {"ERR syntax error", "NOSCRIPT No matching script", "WRONGTYPE x",
                              "CROSSSLOT Keys in request don't hash to the same slot", "MOVED",
                              "MOVED 5061", "MOVED 70000 a:1", "OOM command not allowed"}) {
        ClusterRouting routing = informed();
        std::uint8_t redirections = 0;
        Route to;
        INFO(reply);
        CHECK(routing.on_error(reply, a, redirections, to) == Verdict::deliver);
        CHECK_FALSE(routing.refresh_is_wanted());
    }
}

TEST_CASE("a redirection to a node that is down waits", "[redis]") {
    ClusterRouting routing = informed();
    routing.on_down(b);
    std::uint8_t redirections = 0;
    Route to;
    CHECK(routing.on_error("MOVED 5061 b:1", a, redirections, to) == Verdict::wait);
    CHECK_FALSE(routing.route(get_low()));
    routing.on_up(b);
    CHECK(routing.route(get_low()) == Route{b});
}

TEST_CASE("the death of a node wants a fresh map, from another node", "[redis]") {
    ClusterRouting routing = informed();
    CHECK_FALSE(routing.begin_refresh(ns(1s)));  // no reason, and not the time
    routing.on_down(a);
    CHECK_FALSE(routing.route(get_low()));
    CHECK(routing.route(get_high()) == Route{b});
    const auto asked = routing.begin_refresh(ns(1s));
    REQUIRE(asked);
    CHECK(*asked != a);
    REQUIRE(routing
                .end_refresh(*asked,
                             wire_reply("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n+b\r\n:1\r\n").view())
                .has_value());
    CHECK(routing.route(get_low()) == Route{b});
    CHECK_FALSE(routing.all_down());
    routing.on_down(b);
    CHECK(routing.all_down());
    // Nobody of the map is left: a seed that has left the cluster, but is there, may know more.
    routing.on_up(a);
    const auto last = routing.begin_refresh(ns(2s));
    REQUIRE(last);
    CHECK_FALSE(routing.map().is_member(*last));
}

TEST_CASE("maps are read one at a time, with a pause between, and again after a failure",
          "[redis]") {
    ClusterRouting routing({{"a", 1}, {"b", 1}}, {8, 50ms, 30s});
    CHECK(routing.begin_refresh(ns(0ms)) == a);
    CHECK_FALSE(routing.begin_refresh(ns(1s)));  // one is under way
    routing.fail_refresh();
    CHECK_FALSE(routing.begin_refresh(ns(49ms)));
    CHECK(routing.begin_refresh(ns(50ms)) == b);  // the next seed
    CHECK_FALSE(routing.end_refresh(b, wire_reply("*0\r\n").view()).has_value());
    CHECK(routing.begin_refresh(ns(100ms)) == a);
    CHECK(routing.end_refresh(a, wire_reply(two_masters).view()).has_value());
    CHECK_FALSE(routing.begin_refresh(ns(20s)));
    CHECK(routing.begin_refresh(ns(30'100ms)));  // without a reason
}
