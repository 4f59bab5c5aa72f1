#include "base/net/address.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "base/cpu.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

using namespace qck;

TEST_CASE("addresses read as HOST:PORT and print the same", "[base][net]") {
    for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:443"}) {
        CHECK(net::parse_address(text)->to_string() == text);
    }
    CHECK(net::parse_address("localhost:80")->to_string() == "127.0.0.1:80");
}

TEST_CASE("what is not an address is refused with an example", "[base][net]") {
    for (const char* wrong :
         {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x",
          "example.com:80", "::1:80", "[::1:80", "256.0.0.1:1"}) {
        CAPTURE(wrong);
        const auto address = net::parse_address(wrong);
        REQUIRE(address.has_error());
        CHECK(address.error().message ==
              "'" + std::string(wrong) + "' is not an address (try 127.0.0.1:8080 or [::1]:8080)");
    }
}

TEST_CASE("loopback and private ranges are known from public ones", "[base][net]") {
    for (const char* text : {"127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"}) {
        CHECK(net::parse_address(text)->is_loopback());
    }
    for (const char* text :
         {"10.1.2.3:1", "172.16.0.1:1", "172.31.255.1:1", "192.168.3.4:1", "169.254.1.1:1",
          "[fe80::1]:1", "[fd00::1]:1", "[::ffff:10.0.0.1]:1"}) {
        CHECK_FALSE(net::parse_address(text)->is_loopback());
        CHECK(net::parse_address(text)->is_private());
    }
    for (const char* text : {"8.8.8.8:1", "172.32.0.1:1", "172.15.0.1:1", "11.0.0.1:1",
                             "[2001:db8::1]:1", "[::ffff:8.8.8.8]:1"}) {
        CHECK_FALSE(net::parse_address(text)->is_private());
    }
}

TEST_CASE("listeners share a port among themselves and with nobody else", "[base][net]") {
    const auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 3);
    REQUIRE(listeners.has_value());
    const auto address = net::local_address(listeners->front().get());
    for (const auto& fd : *listeners) {
        CHECK(net::local_address(fd.get())->port() == address->port());
    }
    const auto other = net::listen_on(*address, 2);
    REQUIRE(other.has_error());
    CHECK(other.error().message ==
          "cannot listen on " + address->to_string() +
              ": Address already in use (choose another port; 0 picks a free one)");
}

namespace {

/// Connects so often from one CPU.
std::vector<Result<net::Fd>> connect_from(int cpu, const net::Address& to, int count) {
    std::vector<Result<net::Fd>> made;
    Result<void> pinned;
    std::thread([&] {
        pinned = pin_thread(cpu);
        for (int at = 0; at < count; ++at) made.push_back(net::start_connect(to));
    }).join();
    REQUIRE(pinned.has_value());
    for (const auto& one : made) REQUIRE(one.has_value());
    return made;
}

/// How many connections come to each listener, until `expected` have and no more does.
std::vector<int> accepted(const std::vector<net::Fd>& listeners, int expected) {
    std::vector<int> counts(listeners.size());
    std::vector<pollfd> ready;
    for (const net::Fd& listener : listeners) ready.push_back({listener.get(), POLLIN, 0});
    for (int sum = 0; ::poll(ready.data(), ready.size(), sum < expected ? 5'000 : 0) > 0;) {
        for (std::size_t place = 0; place < ready.size(); ++place) {
            if (ready[place].revents == 0) continue;
            const net::Fd one(::accept(ready[place].fd, nullptr, nullptr));
            REQUIRE(one);
            ++counts[place];
            ++sum;
        }
    }
    return counts;
}

}  // namespace

TEST_CASE("a connection goes to the listener of the CPU that it comes in on",
          "[base][net][skippable]") {
    const std::vector<int> cpus = allowed_cpus();
    if (cpus.size() < 2) QCK_SKIP("it takes two CPUs");
    const auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 2);
    REQUIRE(listeners.has_value());
    const auto address = *net::local_address(listeners->front().get());

    // The other way round than they are numbered.
    const std::vector<int> places{cpus[1], cpus[0]};
    REQUIRE(net::steer_by_cpu(*listeners, places).has_value());
    const auto from_first = connect_from(places[0], address, 16);
    CHECK(accepted(*listeners, 16) == std::vector{16, 0});
    const auto from_second = connect_from(places[1], address, 16);
    CHECK(accepted(*listeners, 16) == std::vector{0, 16});

    // What comes in on a CPU that is nobody's is spread, and not lost.
    REQUIRE(net::steer_by_cpu(*listeners, {places.data(), 1}).has_value());
    const auto known = connect_from(places[0], address, 16);
    CHECK(accepted(*listeners, 16) == std::vector{16, 0});
    const auto unknown = connect_from(places[1], address, 64);
    const std::vector<int> spread = accepted(*listeners, 64);
    CHECK(spread[0] + spread[1] == 64);
    CHECK(spread[1] > 0);
}
