#include "services/http_server/rate_limiter.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using http_server::RateLimiter;

namespace {

constexpr std::int64_t second = 1'000'000'000;

net::Address client(const std::string& host) {
    return *net::parse_address(host.find(':') == std::string::npos ? host + ":1"
                                                                   : "[" + host + "]:1");
}

}  // namespace

TEST_CASE("an address may ask a hundred times at once and then at that pace", "[http][M4]") {
    RateLimiter limiter({.limit = {100, 1min}});
    const auto a = client("192.0.2.1");
    const std::int64_t now = 1'000 * second;
    for (int n = 0; n < 100; ++n) CHECK(limiter.admit(a, now).count() == 0);
    CHECK(limiter.admit(a, now) == 600ms);
    CHECK(limiter.admit(client("192.0.2.2"), now).count() == 0);
    CHECK(limiter.admit(a, now + second / 2) == 100ms);
    CHECK(limiter.admit(a, now + 600'000'000).count() == 0);
    CHECK(limiter.admit(a, now + 600'000'000) == 600ms);
    // A minute of silence gives all of it back, and no more.
    for (int n = 0; n < 100; ++n) CHECK(limiter.admit(a, now + 200 * second).count() == 0);
    CHECK(limiter.admit(a, now + 200 * second).count() > 0);
    CHECK(limiter.refused() == 4);
}

TEST_CASE("IPv6 addresses of one /64 are one client, and IPv4 in IPv6 is IPv4", "[http][M4]") {
    RateLimiter limiter({.limit = {1, 1s}});
    CHECK(limiter.admit(client("2001:db8:1:2::1"), second).count() == 0);
    CHECK(limiter.admit(client("2001:db8:1:2:ffff::9"), second).count() > 0);
    CHECK(limiter.admit(client("2001:db8:1:3::1"), second).count() == 0);
    CHECK(limiter.admit(client("::ffff:192.0.2.7"), second).count() == 0);
    CHECK(limiter.admit(client("192.0.2.7"), second).count() > 0);
}

TEST_CASE("more addresses than are remembered do not grow the memory, and still pass",
          "[http][M4]") {
    RateLimiter limiter({.limit = {1, 1h}, .addresses_max = 1024});
    for (int n = 0; n < 100'000; ++n) {
        const std::string host = "10." + std::to_string(n >> 16) + "." +
                                 std::to_string((n >> 8) & 255) + "." + std::to_string(n & 255);
        CHECK(limiter.admit(client(host), second).count() == 0);
    }
    CHECK(limiter.forgotten() > 90'000);
    CHECK(limiter.admit(client("10.1.134.159"), second).count() > 0);  // the last is remembered
}

TEST_CASE("rate limits have a text", "[http][M4]") {
    CHECK(http_server::parse_rate_limit("100/min")->period == 1min);
    CHECK(http_server::parse_rate_limit("10/s")->requests == 10);
    CHECK_FALSE(http_server::parse_rate_limit("off")->is_on());
    for (const char* wrong : {"100", "0/s", "x/s", "10/week", "10 /s", "-1/s", "/s", ""}) {
        CHECK(http_server::parse_rate_limit(wrong).has_error());
    }
}
