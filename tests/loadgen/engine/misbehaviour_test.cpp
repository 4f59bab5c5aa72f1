#include <mutex>
#include <random>

#include "tests/loadgen/engine/run.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using record::Cause;
using test::always;
using test::config_of;
using test::plan_of;
using test::Reaction;
using test::TestTarget;

namespace {

/// A port of loopback that nobody listens on.
std::string dead_url() {
    const TestTarget gone([](std::string_view) { return Reaction{}; });
    return gone.url();
}

/// Anything that a target may do to a request.
Reaction random_reaction(std::mt19937& random) {
    const std::string good = test::redirect_response();
    const std::string long_body = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
    switch (random() % 40) {
        case 0:
            return {"", Reaction::Then::reset};
        case 1:
            return {"", Reaction::Then::close};
        case 2:
            return {"", Reaction::Then::go_silent};
        case 3:
            return {"", Reaction::Then::half_close};
        case 4:
            return {"\x16\x03\x01 this is not HTTP\r\n\r\n", Reaction::Then::keep};
        case 5:
            return {good.substr(0, random() % good.size()), Reaction::Then::close};
        case 6:
            return {good.substr(0, random() % good.size()), Reaction::Then::reset};
        case 7:
            return {good.substr(0, random() % good.size()), Reaction::Then::go_silent};
        case 8:
            return {long_body + "part", Reaction::Then::close};
        case 9:
            return {long_body + std::string(5000, 'b'), Reaction::Then::keep};
        case 10:
            return {good + good, Reaction::Then::keep};
        case 11:
            return {test::redirect_response("Connection: close\r\n"), Reaction::Then::close};
        case 12:
            return {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Reaction::Then::keep};
        case 13:
            return {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                    Reaction::Then::keep};
        case 14:
            return {"HTTP/1.1 200 OK\r\n" + std::string(20'000, 'h'), Reaction::Then::keep};
        case 15:
            return {good + "and more", Reaction::Then::half_close};
        default:
            return {good, Reaction::Then::keep};
    }
}

}  // namespace

TEST_CASE("accounting closes under a target that misbehaves at random",
          "[loadgen][engine][faults]") {
    const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
    CAPTURE(seed);
    std::mt19937 random(seed);
    TestTarget target([&](std::string_view) { return random_reaction(random); });
    auto plan = plan_of(4000, 400ms);
    plan.timeout = 150ms;
    plan.connections = 1 + random() % 40;
    plan.pipeline = 1 + random() % 6;
    plan.head_share = 0.1;
    plan.new_connections_per_s = seed % 2 == 0 ? 100 : 0;
    auto config = config_of(target.url());
    config.threads = 1 + random() % 2;
    config.closed_loop = seed % 3 == 0;
    const auto result = test::run(plan, config);
    if (!config.closed_loop) CHECK(result.total().scheduled == 1600);
    CHECK(result.total().in_flight == 0);
    CHECK(result.total().answered > 0);
    CHECK(result.total().failed > 0);
    CHECK(result.duration < 5s);
}

TEST_CASE("a dead target leaves every request unsent, for that reason", "[loadgen][engine]") {
    auto plan = plan_of(1000, 300ms);
    plan.timeout = 100ms;
    const auto result = test::run(plan, config_of(dead_url()));
    CHECK(result.total().scheduled == 300);
    CHECK(result.total().unsent == 300);
    CHECK(test::unsent_by(result, Cause::refused) == 300);
    CHECK(result.generator.connect_failed_by[static_cast<std::size_t>(Cause::refused)] >= 16);
    // Given up at its timeout, and recorded so.
    CHECK(result.phases[0].latency.percentile_ns(0.5) == Approx(100e6).epsilon(0.001));
    // Connecting backs off: a dead target is not flooded.
    CHECK(result.generator.connect_failed_by[static_cast<std::size_t>(Cause::refused)] < 16 * 20);
}

TEST_CASE("a silent target does not delay later requests", "[loadgen][engine]") {
    TestTarget target(always("", Reaction::Then::go_silent));
    auto plan = plan_of(100, 500ms);
    plan.connections = 64;
    plan.timeout = 300ms;
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().scheduled == 50);
    CHECK(result.total().sent == 50);
    CHECK(result.total().timed_out == 50);
    CHECK(result.phases[0].latency.percentile_ns(0.5) == Approx(300e6).epsilon(0.001));
}

TEST_CASE("what finds no connection within its timeout is unsent", "[loadgen][engine]") {
    TestTarget target(always("", Reaction::Then::go_silent));
    auto plan = plan_of(1000, 400ms);
    plan.connections = 4;
    plan.timeout = 100ms;
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().scheduled == 400);
    CHECK(result.total().timed_out + result.total().unsent + result.total().failed == 400);
    CHECK(result.total().timed_out >= 4);
    CHECK(test::unsent_by(result, Cause::no_free_connection) > 300);
}

TEST_CASE("each way to fail is counted by its cause", "[loadgen][engine]") {
    struct Case {
        Reaction reaction;
        Cause cause;
    };
    const auto one = GENERATE(
        Case{{"", Reaction::Then::reset}, Cause::reset},
        Case{{"", Reaction::Then::close}, Cause::closed_early},
        Case{{"", Reaction::Then::half_close}, Cause::closed_early},
        Case{{"HTTP/1.1 200 OK\r\nContent-Le", Reaction::Then::close}, Cause::closed_early},
        Case{{"SSH-2.0-OpenSSH_9.2\r\n\r\n", Reaction::Then::keep}, Cause::protocol},
        Case{{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Reaction::Then::keep},
             Cause::protocol});
    TestTarget target([&](std::string_view) { return one.reaction; });
    auto plan = plan_of(200, 200ms);
    plan.timeout = 1s;
    const auto result = test::run(plan, config_of(target.url()));
    CAPTURE(record::cause_name(one.cause));
    CHECK(result.total().answered == 0);
    CHECK(result.total().failed == 40);
    CHECK(test::failed_by(result, one.cause) == 40);
}

TEST_CASE("requests behind one that times out count with the timeout", "[loadgen][engine]") {
    TestTarget target(always("", Reaction::Then::go_silent));
    auto plan = plan_of(1000, 200ms);
    plan.connections = 1;
    plan.pipeline = 200;
    plan.timeout = 300ms;
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().scheduled == 200);
    CHECK(result.total().timed_out >= 1);
    const std::uint64_t behind = test::failed_by(result, Cause::behind_timeout);
    CHECK(behind > 0);
    CHECK(result.total().timed_out + behind + result.total().unsent == 200);
    // None was ever answered, so no percentile may look better than the timeout (B4).
    CHECK(result.phases[0].latency.count() == 200);
    CHECK(result.phases[0].latency.percentile_ns(0.01) == Approx(300e6).epsilon(0.001));
}

TEST_CASE("a target that stops for a second shows it in the percentiles of the schedule",
          "[loadgen][engine][stall]") {
    TestTarget target(always(test::redirect_response(), Reaction::Then::keep));
    auto plan = plan_of(1000, 4s);
    plan.connections = 8;
    auto engine = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE(engine.has_value());
    while (target.requests() < 1500) (*engine)->wait_for(1ms);
    target.pause(true);
    const std::int64_t begin = monotonic_ns();
    while (monotonic_ns() - begin < 1'000'000'000) (*engine)->wait_for(1ms);
    target.pause(false);
    const double stall_ns = static_cast<double>(monotonic_ns() - begin);
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(result->total().answered == 4000);
    // 1,000 of the 4,000 were due while it stood still, one each millisecond, and each waited for
    // the rest of the stall: so the share s of all requests (s < 1/4) waited (1 - 4s) of it.
    const stats::Histogram& latency = result->phases[0].latency;
    const auto expected = [&](double percentile) { return stall_ns * (1 - 4 * (1 - percentile)); };
    // What comes after the stall is worked off in an instant, but not in none.
    const double slack_ns = 60e6;
    for (const double percentile : {0.80, 0.90, 0.99, 0.999}) {
        CAPTURE(percentile);
        const auto found = static_cast<double>(latency.percentile_ns(percentile));
        CHECK(found > expected(percentile) - slack_ns);
        CHECK(found < expected(percentile) + slack_ns);
    }
    // Measured from the send alone the stall nearly vanishes: 8 requests saw it.
    CHECK(result->phases[0].service.percentile_ns(0.99) < 200'000'000);
}
