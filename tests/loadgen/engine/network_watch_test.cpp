#include "loadgen/engine/network_watch.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

constexpr const char* proc_net_dev =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop "
    "fifo colls carrier compressed\n"
    "    lo: 11 12 0 0 0 0 0 0 11 12 0 0 0 0 0 0\n"
    "  eth0:1000 10 1 2 3 0 0 0 2000 20 4 5 6 0 0 0\n";

}  // namespace

TEST_CASE("an interface's counters are read from /proc/net/dev", "[loadgen][engine]") {
    const auto counters = engine::counters_of(proc_net_dev, "eth0");
    REQUIRE(counters);
    CHECK(counters->received_bytes == 1000);
    CHECK(counters->received_packets == 10);
    CHECK(counters->sent_bytes == 2000);
    CHECK(counters->sent_packets == 20);
    CHECK(counters->dropped == 2 + 5);
    CHECK(counters->errors == 1 + 3 + 4 + 6);
    CHECK(engine::counters_of(proc_net_dev, "lo")->sent_packets == 12);
    CHECK_FALSE(engine::counters_of(proc_net_dev, "eth"));
    CHECK_FALSE(engine::counters_of("", "eth0"));
}

TEST_CASE("a link's busiest stretch counts what packets take on the wire", "[loadgen][engine]") {
    record::InterfaceUse use;
    use.speed_per_s = 1e9;
    engine::InterfaceCounters before;
    engine::InterfaceCounters now;
    now.sent_bytes = 10'000'000;
    now.sent_packets = 10'000;
    now.received_bytes = 1'000'000;
    engine::add_stretch(before, now, 200ms, use);
    // 10,000,000 and 24 for each packet, in a fifth of a second.
    CHECK(use.busiest_share == Approx(10'240'000.0 * 8 / 0.2 / 1e9));
    before = now;
    now.received_bytes += 12'000'000;
    now.dropped = 7;
    engine::add_stretch(before, now, 200ms, use);
    CHECK(use.busiest_share == Approx(12'000'000.0 * 8 / 0.2 / 1e9));
    before = now;
    engine::add_stretch(before, now, 200ms, use);
    CHECK(use.busiest_share == Approx(0.48));
    CHECK(use.sent_bytes == 10'000'000);
    CHECK(use.received_bytes == 13'000'000);
    CHECK(use.packets == 10'000);
    CHECK(use.dropped == 7);
    // Counters that began anew add what they have, and nothing absurd.
    engine::add_stretch(now, {}, 200ms, use);
    CHECK(use.packets == 10'000);
}

TEST_CASE("a target on this machine is reached by the loopback interface", "[loadgen][engine]") {
    CHECK(engine::interface_to(*net::parse_address("127.0.0.1:80")) == "lo");
    CHECK(engine::interface_to(*net::parse_address("127.0.0.77:80")) == "lo");
    // By whichever interface it has that address.
    ifaddrs* own = nullptr;
    REQUIRE(::getifaddrs(&own) == 0);
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> all(own, ::freeifaddrs);
    for (const ifaddrs* one = own; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
        net::Address address;
        std::memcpy(address.data(), one->ifa_addr, sizeof(sockaddr_in));
        address.length = sizeof(sockaddr_in);
        CHECK(engine::interface_to(address) == "lo");
    }
    engine::NetworkWatch watch(*net::parse_address("127.0.0.1:80"), 200ms);
    watch.look(0ms);
    watch.look(1ms);  // too early to be looked at
    watch.end(300ms);
    CHECK(watch.interface().speed_per_s == 0);
    CHECK(watch.interface().busiest_share == 0);
    CHECK(watch.sockets().local_ports > 0);
    CHECK(watch.sockets().descriptors_allowed > 0);
}
