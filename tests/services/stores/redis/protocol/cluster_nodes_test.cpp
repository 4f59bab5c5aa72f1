#include "services/stores/redis/protocol/cluster_nodes.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::redis;

TEST_CASE("a cluster's nodes are masters and replicas, up or down", "[redis][cluster]") {
    const auto whole = parse_cluster_nodes(
        "07c37d 127.0.0.1:30004@31004,host4 slave e7d1ee 0 1426238317239 4 connected\n"
        "67ed2d 127.0.0.1:30002@31002,host2 master - 0 1426238316232 2 connected 5461-10922\n"
        "6ec239 127.0.0.1:30005@31005 slave 67ed2d 0 1426238316232 5 connected\n"
        "824fe1 127.0.0.1:30006@31006 slave 292f8b 0 1426238317741 6 connected\n"
        "292f8b 127.0.0.1:30003@31003 master - 0 1426238318243 3 connected 10923-16382 16383"
        " [93-<-e7d1ee]\n"
        "e7d1ee 127.0.0.1:30001@31001 myself,master - 0 0 1 disconnected 0-5460\n"
        "aaaaaa :0@0 master,noaddr,handshake - 0 0 0 disconnected\n");
    REQUIRE(whole.has_value());
    CHECK(whole->state() == "ok");
    CHECK(whole->up(true) == 3);
    CHECK(whole->up(false) == 3);
    CHECK(whole->slots_uncovered == 0);
    CHECK(whole->nodes[0].address == "127.0.0.1:30004");
    CHECK(whole->nodes[4].slots == 5461);

    // A replica took over for a master that died.
    const auto degraded = parse_cluster_nodes(
        "1 10.0.0.1:1@2 master,fail - 0 0 1 disconnected\n"
        "2 10.0.0.2:1@2 myself,master - 0 0 2 connected 0-16383\n");
    REQUIRE(degraded.has_value());
    CHECK(degraded->state() == "degraded");
    CHECK(degraded->down() == 1);
    CHECK(degraded->up(true) == 1);

    const auto down = parse_cluster_nodes(
        "1 10.0.0.1:1@2 master,fail? - 0 0 1 connected 0-99\n"
        "2 10.0.0.2:1@2 myself,master - 0 0 2 connected 100-16383\n");
    REQUIRE(down.has_value());
    CHECK(down->state() == "down");
    CHECK(down->slots_uncovered == 100);
}

TEST_CASE("a list of nodes that makes no sense is an error", "[redis][cluster]") {
    for (const char* const text :
         {"", "\n", "one two three", "1 10.0.0.1:1@2 king - 0 0 1 connected",
          "1 10.0.0.1:1@2 master - 0 0 1 connected 5-4",
          "1 10.0.0.1:1@2 master - 0 0 1 connected 0-16384",
          "1 10.0.0.1:1@2 master - 0 0 1 connected x"}) {
        INFO(text);
        CHECK_FALSE(parse_cluster_nodes(text).has_value());
    }
}
