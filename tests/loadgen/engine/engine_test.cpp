#include <mutex>
#include <set>

#include "base/clock.hpp"
#include "tests/loadgen/engine/run.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/test_certificate.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using record::Cause;
using test::always;
using test::config_of;
using test::plan_of;
using test::Reaction;
using test::TestTarget;

TEST_CASE("a well-behaved target gets every request and answers all", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto config = config_of(target.url());
    config.threads = GENERATE(1U, 3U);
    const auto result = test::run(plan_of(2000, 500ms), config);
    CHECK(result.total().scheduled == 1000);
    CHECK(result.total().answered == 1000);
    CHECK(result.phases[0].status.at(302) == 1000);
    CHECK(result.links.hot == 1000);
    CHECK(target.requests() == 1000);
    CHECK(result.generator.connections_opened == 16);
    CHECK(result.generator.connections_lost == 0);
}

TEST_CASE("each phase counts the requests that were due in it", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(1000, 200ms);
    plan.phases.push_back({"ramp", scenario::Shape::ramp, 1000, 3000, 200ms});
    plan.phases.push_back({"decay", scenario::Shape::decay, 3000, 100, 200ms});
    plan.arrival = GENERATE(scenario::Arrival::uniform, scenario::Arrival::poisson);
    const auto result = test::run(plan, config_of(target.url()));
    const schedule::RateCurve curve(plan.phases);
    REQUIRE(result.phases.size() == 3);
    for (std::size_t at = 0; at < 3; ++at) {
        CHECK(result.phases[at].accounting.scheduled == curve.count_of(at));
        CHECK(result.phases[at].accounting.answered == curve.count_of(at));
    }
}

TEST_CASE("a connection carries as many requests as the pipeline is deep", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(20'000, 200ms);
    plan.connections = 2;
    plan.pipeline = 32;
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().answered == 4000);
    CHECK(result.generator.connections_opened == 2);
}

TEST_CASE("closed loop keeps every connection busy until the time is up", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(1, 300ms);
    plan.pipeline = GENERATE(1U, 8U);
    auto config = config_of(target.url());
    config.closed_loop = true;
    const auto result = test::run(plan, config);
    CHECK(result.closed_loop);
    CHECK(result.total().answered == target.requests());
    CHECK(result.total().answered > 500);
    CHECK(result.total().unsent == 0);
}

TEST_CASE("bodies of every framing end where they end", "[loadgen][engine]") {
    const std::string body(100'000, 'x');
    const auto response = GENERATE_COPY(
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n") + body,
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n") + body +
            "\r\n0\r\n\r\n",
        std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"));
    TestTarget target(always(response));
    auto plan = plan_of(500, 200ms);
    plan.pipeline = 4;
    plan.connections = 2;
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().answered == 100);
    CHECK(result.generator.connections_lost == 0);
    CHECK(result.links.other == 100);
    CHECK(result.phases[0].bytes_received == 100 * response.size());
}

TEST_CASE("HEAD answers have no body whatever they say", "[loadgen][engine]") {
    TestTarget target([](std::string_view head) {
        const bool is_head = head.starts_with("HEAD ");
        return Reaction{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" +
                        std::string(is_head ? "" : "hello")};
    });
    auto plan = plan_of(2000, 200ms);
    plan.head_share = 0.5;
    plan.pipeline = 4;
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().answered == 400);
    CHECK(result.generator.connections_lost == 0);
}

TEST_CASE("requests that are HEAD of themselves are answered like HEAD", "[loadgen][engine]") {
    TestTarget target(always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    auto plan = plan_of(500, 200ms);
    plan.timeout = 500ms;
    plan.requests[0].method = http::Method::head;
    if (GENERATE(false, true)) plan.bot_share = 0.5;  // then they are not all the same
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().answered == 100);
    CHECK(result.phases[0].status.at(200) == 100);
}

TEST_CASE("an answer may be longer than any that qck itself would take", "[loadgen][engine]") {
    const std::string body(2'000'000, 'x');
    TestTarget target(always("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + body));
    auto plan = plan_of(100, 100ms);
    plan.connections = 2;
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(result.total().answered == 10);
}

TEST_CASE("an answer that never ends is none, however often its head comes", "[loadgen][engine]") {
    TestTarget target(always("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n"));
    auto plan = plan_of(50, 200ms);
    plan.connections = 4;
    plan.timeout = 100ms;
    CHECK(test::run(plan, config_of(target.url())).total().answered == 0);
}

TEST_CASE("placeholders are replaced in path and body, and in no header", "[loadgen][engine]") {
    std::mutex mutex;
    std::set<std::string> heads;
    TestTarget target([&](std::string_view head) {
        const std::lock_guard lock(mutex);
        heads.emplace(head);
        return Reaction{test::redirect_response()};
    });
    auto plan = plan_of(200, 100ms);
    plan.requests[0].path = "/x?n={n}";
    plan.requests[0].headers.emplace_back("X-Own", "{n} {link}");
    plan.user_agent = "agent-{n}";
    test::run(plan, config_of(target.url()));
    const std::lock_guard lock(mutex);
    CHECK(heads.size() == 20);
    for (const std::string& head : heads) {
        CHECK(test::contains(head, "X-Own: {n} {link}\r\n"));
        CHECK(test::contains(head, "User-Agent: agent-{n}\r\n"));
    }
}

TEST_CASE("a closed loop numbers its requests once over all workers", "[loadgen][engine]") {
    std::mutex mutex;
    std::set<std::string> asked;
    TestTarget target([&](std::string_view head) {
        const std::lock_guard lock(mutex);
        asked.emplace(head.substr(0, head.find('\r')));
        return Reaction{test::redirect_response()};
    });
    auto plan = plan_of(1, 100ms);
    plan.requests[0].path = "/x?n={n}";
    auto config = config_of(target.url());
    config.closed_loop = true;
    config.threads = 2;
    const auto result = test::run(plan, config);
    const std::lock_guard lock(mutex);
    CHECK(asked.size() == result.total().sent);
}

TEST_CASE("what an interrupted or random schedule had due is what its series says",
          "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(300, 1s);
    plan.arrival = scenario::Arrival::poisson;
    const auto result = test::run(plan, config_of(target.url()));
    std::vector<std::uint64_t> due(result.series.size());
    const schedule::RateCurve curve(plan.phases);
    schedule::ArrivalSchedule schedule(curve, plan.arrival, plan.seed, 0, 1);
    while (const auto arrival = schedule.next()) {
        ++due.at(static_cast<std::size_t>(arrival->due_ns / result.interval.count()));
    }
    for (std::size_t at = 0; at < due.size(); ++at) CHECK(result.series[at].scheduled == due[at]);
    plan.phases[0].duration = 60s;
    auto engine = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE(engine.has_value());
    while (target.requests() < 400) (*engine)->wait_for(1ms);
    (*engine)->stop_early();
    const auto cut = (*engine)->finish();
    REQUIRE(cut.has_value());
    std::uint64_t scheduled = 0;
    for (const auto& interval : cut->series) scheduled += interval.scheduled;
    CHECK(scheduled == cut->total().scheduled);
}

TEST_CASE("a target that closes after each answer is connected to again", "[loadgen][engine]") {
    const auto response = GENERATE(
        std::string("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    TestTarget target(always(response, Reaction::Then::close));
    const auto result = test::run(plan_of(500, 300ms), config_of(target.url()));
    CHECK(result.total().answered == 150);
    CHECK(result.total().failed == 0);
    CHECK(result.generator.connections_opened >= 150);
}

TEST_CASE("TLS targets are asked like any other", "[loadgen][engine][tls]") {
    const test::TemporaryDirectory directory;
    const auto certificate = test::write_certificate(directory.path(), "target");
    auto context = net::TlsServerContext::load(
        {certificate.certificate_file.string(), certificate.key_file.string()});
    REQUIRE(context.has_value());
    TestTarget target(always(test::redirect_response()), context->get());
    auto config = config_of(target.url());
    auto plan = plan_of(1000, 300ms);
    plan.connections = 4;
    plan.pipeline = 8;

    SECTION("with their authority known") {
        config.tls.ca_file = certificate.certificate_file.string();
        const auto result = test::run(plan, config);
        CHECK(result.total().answered == 300);
        CHECK(result.generator.connections_lost == 0);
    }
    SECTION("with no check at all") {
        config.tls.verify = false;
        CHECK(test::run(plan, config).total().answered == 300);
    }
    SECTION("but not when nobody vouches for them") {
        plan.timeout = 200ms;
        const auto result = test::run(plan, config);
        CHECK(result.total().sent == 0);
        CHECK(test::unsent_by(result, Cause::tls) == 300);
    }
}

TEST_CASE("connections are renewed at the asked rate", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(2000, 1s);
    plan.new_connections_per_s = 200;
    const std::int64_t begun_ns = monotonic_ns();
    const auto result = test::run(plan, config_of(target.url()));
    // A run that the machine holds up goes on renewing.
    const double most = 200 * static_cast<double>(monotonic_ns() - begun_ns) / 1e9;
    CHECK(result.total().answered == 2000);
    CHECK(result.generator.connections_lost == 0);
    CHECK(result.generator.connections_opened >= 16 + 150);
    CHECK(static_cast<double>(result.generator.connections_opened) <= 16 + most + 1);
}

TEST_CASE("a run that is stopped early reports what ran", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(1000, 60s);
    plan.phases.push_back({"never", scenario::Shape::constant, 1, 1, 1s});
    auto engine = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE(engine.has_value());
    while (target.requests() < 100) (*engine)->wait_for(1ms);
    CHECK((*engine)->progress().so_far.sent >= 100);
    (*engine)->stop_early();
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(result->interrupted);
    CHECK(result->total().closes());
    CHECK(result->total().answered >= 100);
    CHECK(result->total().answered == target.requests());
    CHECK(result->duration < 30s);
    CHECK(result->phases.size() == 1);
}

TEST_CASE("a run that is stopped at once counts what was open", "[loadgen][engine]") {
    TestTarget target(always("", Reaction::Then::go_silent));
    auto plan = plan_of(100, 60s);
    plan.timeout = 30s;
    auto engine = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE(engine.has_value());
    while (target.requests() < 10) (*engine)->wait_for(1ms);
    (*engine)->stop_now();
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(result->total().closes());
    CHECK(result->total().in_flight >= 10);
    // They are in the latencies with their age.
    CHECK(result->phases[0].latency.count() >= 10);
    CHECK(result->phases[0].latency.max_ns() > 50'000'000);
}

TEST_CASE("a run that is stopped before it began sends nothing", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto engine = engine::Engine::start(plan_of(1000, 60s), config_of(target.url()));
    REQUIRE(engine.has_value());
    (*engine)->stop_now();
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(result->interrupted);
    CHECK(result->total().closes());
    CHECK(result->duration < 30s);
}

TEST_CASE("more connections than there are ports or open files are refused", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(10, 100ms);
    plan.connections = 1'000'000;
    const auto refused = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE_FALSE(refused.has_value());
    INFO(refused.error().message);
    CHECK(refused.error().message.starts_with("1,000,000 connections: "));
    CHECK(refused.error().message.ends_with("by --agents)"));
}

TEST_CASE("local addresses from which nothing leads to the target are refused",
          "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto config = config_of(target.url());
    config.local_addresses = {*net::parse_address("[::1]:0")};
    const auto refused = engine::Engine::start(plan_of(10, 100ms), config);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message ==
          "no local address leads to " + config.target.origin() + ": IPv4 or IPv6, as it has");
    // Of both kinds the one that leads there is taken.
    config.local_addresses.push_back(*net::parse_address("127.0.0.2:0"));
    auto engine = engine::Engine::start(plan_of(100, 100ms), config);
    REQUIRE(engine.has_value());
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(result->total().answered == 10);
}

TEST_CASE("a rate that nobody can offer ends when it is told to", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(1e9, 10s);
    plan.timeout = 100ms;
    auto engine = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE(engine.has_value());
    while (target.requests() < 100) (*engine)->wait_for(1ms);
    (*engine)->stop_now();
    const std::int64_t begin_ns = monotonic_ns();
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(result->total().closes());
    CHECK(monotonic_ns() - begin_ns < 5'000'000'000);
}

TEST_CASE("one signal ends a rate that nobody can offer, and all that came due is counted",
          "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    const auto arrival = GENERATE(scenario::Arrival::uniform, scenario::Arrival::poisson);
    auto plan = plan_of(1e9, 10s);
    plan.arrival = arrival;
    auto engine = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE(engine.has_value());
    while ((*engine)->progress().elapsed < 1s) (*engine)->wait_for(1ms);
    (*engine)->stop_early();
    const std::int64_t begin_ns = monotonic_ns();
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(monotonic_ns() - begin_ns < 5'000'000'000);
    const record::Accounting sum = result->total();
    CHECK(sum.closes());
    CHECK(sum.scheduled >= 1'000'000'000);
    std::uint64_t scheduled = 0;
    for (const record::Interval& interval : result->series) scheduled += interval.scheduled;
    CHECK(scheduled == sum.scheduled);
}

TEST_CASE("a rate that nobody can offer is over when its timeout is", "[loadgen][engine]") {
    TestTarget target(always(test::redirect_response()));
    auto plan = plan_of(500e6, 500ms);
    plan.timeout = 200ms;
    const std::int64_t begin_ns = monotonic_ns();
    const auto result = test::run(plan, config_of(target.url()));
    CHECK(monotonic_ns() - begin_ns < 5'000'000'000);
    CHECK(result.total().scheduled == 250'000'000);
}

TEST_CASE("more open requests than fit in memory are refused", "[loadgen][engine]") {
    auto plan = plan_of(1, 1s);
    plan.connections = 1'000'000;
    plan.pipeline = 1024;
    CHECK(engine::Engine::start(plan, config_of("http://127.0.0.1:1/")).has_error());
}
