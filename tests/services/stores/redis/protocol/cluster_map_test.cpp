#include "services/stores/redis/protocol/cluster_map.hpp"

#include "tests/services/stores/redis/protocol/wire_reply.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::redis;
using test::wire_reply;

TEST_CASE("a slot map has masters and replicas of every range", "[redis]") {
    ClusterMap map;
    const NodeId seed = map.node_at({"10.0.0.1", 1});
    REQUIRE(map.learn(wire_reply("*2\r\n"
                                 "*4\r\n:0\r\n:8000\r\n*3\r\n+10.0.0.1\r\n:1\r\n+id1\r\n"
                                 "*3\r\n+10.0.0.3\r\n:3\r\n+id3\r\n"
                                 "*3\r\n:8001\r\n:16383\r\n*2\r\n+10.0.0.2\r\n:2\r\n")
                          .view(),
                      seed)
                .has_value());
    CHECK(map.master_of(0) == seed);
    CHECK(map.master_of(8000) == seed);
    CHECK(map.endpoint_of(*map.master_of(8001)) == Endpoint{"10.0.0.2", 2});
    CHECK(map.master_of(16383) == map.master_of(8001));
    REQUIRE(map.replicas_of(5).size() == 1);
    CHECK(map.endpoint_of(map.replicas_of(5).front()) == Endpoint{"10.0.0.3", 3});
    CHECK(map.replicas_of(9000).empty());
    CHECK(map.node_at({"10.0.0.2", 2}) == *map.master_of(8001));
}

TEST_CASE("each master has a slot that stands for it, which seldom changes", "[redis]") {
    ClusterMap map;
    CHECK(map.slot_of_each_master().empty());
    const NodeId seed = map.node_at({"10.0.0.1", 1});
    REQUIRE(map.learn(wire_reply("*2\r\n"
                                 "*3\r\n:0\r\n:8000\r\n*2\r\n+10.0.0.1\r\n:1\r\n"
                                 "*3\r\n:8001\r\n:16383\r\n*2\r\n+10.0.0.2\r\n:2\r\n")
                          .view(),
                      seed)
                .has_value());
    const NodeId other = *map.master_of(9000);
    const auto slots = map.slot_of_each_master();
    REQUIRE(slots.size() == 2);
    CHECK(map.master_of(slots[0]) == seed);
    CHECK(map.master_of(slots[1]) == other);
    int changes = 0;
    for (std::uint16_t slot = 0; slot < 4000; ++slot) {
        const auto before = map.slot_of_each_master();
        map.move(slot, other);
        changes += map.slot_of_each_master() != before;
    }
    CHECK(changes < 10);
}

TEST_CASE("an endpoint without a host is that of the node that was asked", "[redis]") {
    for (const char* host : {"$-1\r\n", "$0\r\n\r\n", "+?\r\n"}) {
        ClusterMap map;
        const NodeId seed = map.node_at({"seed.example", 7});
        const std::string wire =
            "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + std::string(host) + ":7001\r\n";
        REQUIRE(map.learn(wire_reply(wire).view(), seed).has_value());
        CHECK(map.endpoint_of(*map.master_of(1)) == Endpoint{"seed.example", 7001});
    }
}

TEST_CASE("a slot map that makes no sense changes nothing", "[redis]") {
    ClusterMap map;
    const NodeId seed = map.node_at({"a", 1});
    REQUIRE(map.learn(wire_reply("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n+a\r\n:1\r\n").view(), seed)
                .has_value());
    for (const char* wire :
         {"*0\r\n", ":1\r\n", "+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n",
          "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n+b\r\n:1\r\n",
          "*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n+b\r\n:1\r\n",
          "*1\r\n*3\r\n:9\r\n:5\r\n*2\r\n+b\r\n:1\r\n",
          "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n+b\r\n:0\r\n",
          "*1\r\n*3\r\n:0\r\n:5\r\n*2\r\n+b\r\n:70000\r\n"}) {
        INFO(wire);
        CHECK_FALSE(map.learn(wire_reply(wire).view(), seed).has_value());
        CHECK(map.master_of(16383) == seed);
    }
}

TEST_CASE("MOVED moves one slot, to a node that may be new", "[redis]") {
    ClusterMap map;
    const NodeId a = map.node_at({"a", 1});
    REQUIRE(map.learn(wire_reply("*1\r\n*4\r\n:0\r\n:16383\r\n*2\r\n+a\r\n:1\r\n*2\r\n+r\r\n:9\r\n")
                          .view(),
                      a)
                .has_value());
    const NodeId b = map.node_at({"b", 2});
    CHECK_FALSE(map.is_member(b));
    map.move(5, b);
    CHECK(map.master_of(5) == b);
    CHECK(map.replicas_of(5).empty());
    CHECK(map.master_of(4) == a);
    CHECK(map.is_member(b));
    map.move(5, a);
    CHECK(map.replicas_of(5).size() == 1);
}
