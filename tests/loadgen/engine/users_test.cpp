#include <map>
#include <mutex>

#include "loadgen/scenario/users.hpp"
#include "tests/loadgen/engine/run.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using record::Cause;
using test::config_of;
using test::Reaction;
using test::TestTarget;

namespace {

scenario::Plan plan_with(std::uint32_t readers, double read_rate, std::uint32_t writers = 0) {
    scenario::Plan plan;
    plan.name = "users";
    scenario::RequestKind read;
    read.name = "read";
    plan.requests.push_back(read);
    scenario::Users users;
    users.groups.push_back({"readers", readers, read_rate, 0});
    if (writers > 0) {
        scenario::RequestKind write;
        write.name = "write";
        write.method = http::Method::post;
        write.path = "/v1/links";
        write.body = R"({"url":"https://example.com/{n}"})";
        write.to_api = true;
        plan.requests.push_back(write);
        users.groups.push_back({"writers", writers, 10, 1});
    }
    users.spawn_per_s = 200;
    plan.timeout = 2s;
    auto made = scenario::with_users(plan, users, 500ms);
    REQUIRE(made.has_value());
    return *made;
}

TestTarget::React redirects() {
    return [](std::string_view) {
        return Reaction{test::redirect_response(), Reaction::Then::keep};
    };
}

}  // namespace

TEST_CASE("every user has a connection and asks at its own rate", "[loadgen][engine]") {
    TestTarget target(redirects());
    auto config = config_of(target.url());
    config.threads = GENERATE(1U, 3U);
    const auto plan = plan_with(50, 20);
    const auto result = test::run(plan, config);
    const schedule::UserTable table(*plan.users, 750'000'000);
    CHECK(result.total().answered == table.due_before(750'000'000));
    REQUIRE(result.phases.size() == 2);
    CHECK(result.phases[0].accounting.scheduled == table.due_before(250'000'000));
    CHECK(result.links.hot == result.total().answered);
    CHECK(result.generator.connections_opened == 50);
    CHECK(result.generator.connections_lost == 0);
}

TEST_CASE("writers go to the API, readers to the target", "[loadgen][engine]") {
    TestTarget target(redirects());
    std::mutex mutex;
    std::uint64_t posts = 0;
    std::uint64_t others = 0;
    TestTarget api([&](std::string_view request) {
        const std::lock_guard lock(mutex);
        // The body of the one before stands in front: the target here does not take bodies.
        ++(request.find("POST /v1/links HTTP/1.1\r\n") != request.npos ? posts : others);
        return Reaction{"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Reaction::Then::keep};
    });
    auto config = config_of(target.url());
    config.api = config_of(api.url()).target;
    const auto result = test::run(plan_with(40, 20, 10), config);
    CHECK(result.total().answered == result.total().scheduled);
    CHECK(others == 0);
    CHECK(posts > 0);
    CHECK(result.links.hot == target.requests());
    CHECK(result.links.other == posts);
    CHECK(result.phases[1].status.at(201) + result.phases[0].status.at(201) == posts);
}

TEST_CASE("a plan that writes needs an API", "[loadgen][engine]") {
    TestTarget target(redirects());
    const auto engine = engine::Engine::start(plan_with(4, 20, 1), config_of(target.url()));
    REQUIRE(!engine.has_value());
    CHECK(engine.error().message == "a run with requests to an API needs its address");
}

TEST_CASE("a target that stops answering holds up each user by itself, and all is accounted for",
          "[loadgen][engine]") {
    std::mutex mutex;
    int asked = 0;
    TestTarget target([&](std::string_view) {
        const std::lock_guard lock(mutex);
        // One request in fifty is never answered.
        if (++asked % 50 == 0) return Reaction{"", Reaction::Then::keep};
        return Reaction{test::redirect_response(), Reaction::Then::keep};
    });
    auto plan = plan_with(50, 40);
    plan.timeout = 200ms;
    const auto result = test::run(plan, config_of(target.url()));
    const record::Accounting sum = result.total();
    CHECK(sum.timed_out > 0);
    // Only the users that wait fall behind: each that is stuck for 200 ms owes 8 requests.
    CHECK(sum.answered > sum.scheduled * 8 / 10);
}

TEST_CASE("an interrupted run of users ends at once and accounts for what came due",
          "[loadgen][engine]") {
    TestTarget target(redirects());
    auto plan = plan_with(50, 20);
    plan.phases[1].duration = 60s;
    auto engine = engine::Engine::start(plan, config_of(target.url()));
    REQUIRE(engine.has_value());
    while ((*engine)->progress().so_far.answered < 100) (*engine)->wait_for(5ms);
    (*engine)->stop_early();
    const auto result = (*engine)->finish();
    REQUIRE(result.has_value());
    CHECK(result->interrupted);
    CHECK(result->total().closes());
    CHECK(result->total().answered >= 100);
}
