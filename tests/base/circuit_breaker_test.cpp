#include "base/circuit_breaker.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "base/backoff.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {
constexpr std::int64_t second = 1'000'000'000;
}

TEST_CASE("a breaker opens after five failures in a row and lets one call try after a minute",
          "[base]") {
    CircuitBreaker breaker({});
    std::int64_t now = 5 * second;
    for (int n = 0; n < 4; ++n) {
        CHECK(breaker.allows(now));
        CHECK_FALSE(breaker.failed(now));
    }
    breaker.succeeded();
    for (int n = 0; n < 4; ++n) CHECK_FALSE(breaker.failed(now));
    CHECK(breaker.allows(now));
    CHECK(breaker.failed(now));
    CHECK(breaker.is_open());
    CHECK_FALSE(breaker.allows(now));
    now += 59 * second;
    CHECK(breaker.refuses(now));
    CHECK_FALSE(breaker.allows(now));
    now += second;
    // Looking is not trying.
    CHECK_FALSE(breaker.refuses(now));
    CHECK_FALSE(breaker.refuses(now));
    CHECK(breaker.allows(now));
    CHECK(breaker.refuses(now));
    CHECK_FALSE(breaker.allows(now));  // one trial a period
    CHECK_FALSE(breaker.failed(now));  // it was open already
    CHECK_FALSE(breaker.allows(now + 59 * second));
    now += 60 * second;
    CHECK(breaker.allows(now));
    CHECK(breaker.succeeded());
    CHECK_FALSE(breaker.succeeded());  // it is closed already
    CHECK_FALSE(breaker.is_open());
    CHECK(breaker.allows(now));
    CHECK(breaker.opened() == 1);
    CHECK(breaker.refused() == 4);
}

TEST_CASE("a trial that is never reported holds others back for one period only", "[base]") {
    CircuitBreaker breaker({1, 1s});
    breaker.failed(second);
    CHECK(breaker.allows(2 * second));
    CHECK_FALSE(breaker.allows(3 * second - 1));
    CHECK(breaker.allows(3 * second));
}

TEST_CASE("a peer that somebody else found well is tried before the period is over", "[base]") {
    CircuitBreaker breaker({1, 60s});
    breaker.may_be_well(second);  // closed: nothing to do
    CHECK_FALSE(breaker.is_open());
    breaker.failed(2 * second);
    breaker.may_be_well(3 * second);
    CHECK(breaker.is_open());
    CHECK(breaker.allows(3 * second));
    CHECK_FALSE(breaker.allows(3 * second));
    breaker.failed(4 * second);
    CHECK_FALSE(breaker.allows(63 * second));
    CHECK(breaker.allows(64 * second));
    breaker.succeeded();
    CHECK_FALSE(breaker.is_open());
}

TEST_CASE("of many threads one makes the trial", "[base]") {
    CircuitBreaker breaker({1, 1s});
    breaker.failed(second);
    std::atomic<int> allowed{0};
    std::vector<std::thread> threads;
    for (int n = 0; n < 8; ++n)
        threads.emplace_back([&] { allowed += breaker.allows(5 * second) ? 1 : 0; });
    for (auto& thread : threads) thread.join();
    CHECK(allowed == 1);
}

TEST_CASE("pauses double up to a bound, each between half and the whole", "[base]") {
    Backoff backoff({100ms, 1s}, 42);
    std::chrono::nanoseconds whole = 100ms;
    for (int n = 0; n < 10; ++n) {
        const auto pause = backoff.next();
        CHECK(pause >= whole / 2);
        CHECK(pause <= whole);
        whole = std::min<std::chrono::nanoseconds>(2 * whole, 1s);
    }
    backoff.reset();
    CHECK(backoff.next() <= 100ms);
}
