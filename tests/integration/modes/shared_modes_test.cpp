// Modes that operators set, over instances that share Redis; and how its nodes are.
#include "tests/integration/service_fixture.hpp"
#include "tests/support/redis_cluster.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::contains;
using test::eventually;
using test::ProgramRun;
using test::RedisServer;
using test::RunningService;

namespace {

ProgramRun run(const RunningService& service, std::vector<std::string> words) {
    return test::run_program(QCK_PROGRAM, words,
                             {"QCK_ADMIN=http://" + service.address("admin").to_string()});
}

/// `MODE`, or `MODE here` when it is set here only; empty when the link is normal.
std::string mode_of(const RunningService& service) {
    const auto shown = run(service, {"mode", "show", "--json"});
    REQUIRE(shown.exit_code == 0);
    const auto list = json::parse(shown.out);
    for (const auto& link : list["links"]) {
        if (link["code"] != "viral") continue;
        return link["mode"].get<std::string>() + (link["local_only"] == true ? " here" : "");
    }
    return "";
}

/// Two on one Redis. Their links are in SQLite, so only one has the link: to the other what is set
/// names an id and a code.
struct Instances {
    Instances() { here.add_link("viral"); }
    RedisServer redis;
    RunningService here{[this](auto& config) { config.redis = redis.config(); }};
    RunningService there{[this](auto& config) { config.redis = redis.config(); }};
};

}  // namespace

TEST_CASE("a mode that is set holds on every instance, and on one that starts later",
          "[modes][V7]") {
    Instances instances;
    const auto set = run(instances.here, {"mode", "set", "viral", "burst"});
    CHECK(set.out == "viral is burst until it is set to auto\n");
    const std::int64_t begin_ns = monotonic_ns();
    CHECK(eventually([&] { return mode_of(instances.there) == "burst"; }));
    CHECK(monotonic_ns() - begin_ns < 2'000'000'000);

    INFO("a restart takes it up");
    instances.here.stop();
    instances.here.start();
    CHECK(eventually([&] { return mode_of(instances.here) == "burst"; }));

    INFO("a Redis that lost it is told again by who knows");
    instances.redis.cli({"FLUSHALL"});
    CHECK(eventually([&] {
        return contains(instances.redis.cli({"HVALS", "qck:modes"}), "burst");
    }));
    CHECK(mode_of(instances.there) == "burst");

    CHECK(run(instances.here, {"mode", "set", "viral", "auto"}).exit_code == 0);
    CHECK(eventually(
        [&] { return mode_of(instances.there) == "" && mode_of(instances.here) == ""; }));
}

TEST_CASE("a mode that is set while Redis is away holds here, and says so", "[modes][V7]") {
    Instances instances;
    instances.redis.kill();
    const auto set = run(instances.here, {"mode", "set", "viral", "elevated"});
    CHECK(set.exit_code == 0);
    CHECK(set.out == "viral is elevated until it is set to auto, on this instance only\n");
    CHECK(contains(set.err, "the other instances were not told: "));
    CHECK(mode_of(instances.here) == "elevated here");
    CHECK(contains(run(instances.here, {"mode", "show"}).out, "operator, here only"));
    instances.redis.start();
    CHECK(eventually([&] {
        run(instances.here, {"mode", "set", "viral", "burst"});
        return mode_of(instances.here) == "burst";
    }));
    CHECK(eventually([&] { return mode_of(instances.there) == "burst"; }));
}

TEST_CASE("status shows the nodes of a Redis Cluster, and one that lost a replica as degraded",
          "[modes][V12][cluster]") {
    test::RedisCluster cluster;
    RunningService service([&](auto& config) { config.redis = cluster.config(); });
    const auto screen = [&] { return run(service, {"status"}).out; };
    CHECK(eventually([&] { return contains(screen(), "cluster ok, 3 masters 3 replicas\n"); }));
    RedisServer& victim = cluster.node(5);
    const std::string address = victim.address();
    victim.kill();
    CHECK(eventually([&] { return contains(screen(), address + " down\n"); }));
    CHECK(contains(screen(), "cluster degraded, "));
    const auto status = json::parse(run(service, {"status", "--json"}).out);
    const auto& nodes = status["instances"][0]["status"]["stores"][0]["cluster"]["nodes"];
    INFO(status.dump());
    CHECK(nodes.size() == 6);
    CHECK(status["stores"][0]["state"] == "degraded");
    const auto shown = run(service, {"status"});
    INFO(shown.out << shown.err);
    CHECK(shown.exit_code == 0);
    CHECK(contains(shown.out, "redis      DEGRADED "));
    CHECK(shown.err == "qck status: redis is degraded: " + address + " is down\n");
}

TEST_CASE("a link in a mode stays in Redis, also when the first instance leaves the mode",
          "[modes][V7]") {
    RedisServer redis;
    const auto adjust = [&](auto& config) {
        config.redis = redis.config();
        config.mode_renewal = 200ms;
    };
    RunningService here(adjust);
    here.add_link("viral");
    const auto ttl_s = [&] { return std::stol(redis.cli({"TTL", "link:{viral}"})); };
    redis.cli({"DEL", "link:{viral}"});
    CHECK(ttl_s() == -2);
    CHECK(run(here, {"mode", "set", "viral", "burst"}).exit_code == 0);
    INFO("what is gone is filled, and what would go soon is given another hour");
    CHECK(eventually([&] { return ttl_s() > 3'000; }));
    redis.cli({"EXPIRE", "link:{viral}", "30"});
    CHECK(eventually([&] { return ttl_s() > 3'000; }));

    INFO("another instance that has it in a mode, and leaves it, does not take it from this one");
    {
        RunningService there(adjust);
        CHECK(eventually([&] { return mode_of(there) == "burst"; }));
    }
    CHECK(ttl_s() > 3'000);
    redis.cli({"EXPIRE", "link:{viral}", "30"});
    CHECK(eventually([&] { return ttl_s() > 3'000; }));

    INFO("what an operator pinned stays pinned");
    CHECK(run(here, {"cache", "pin", "viral"}).exit_code == 0);
    CHECK(ttl_s() == -1);
    CHECK(run(here, {"mode", "set", "viral", "auto"}).exit_code == 0);
    CHECK(run(here, {"mode", "set", "viral", "elevated"}).exit_code == 0);
    const std::int64_t until_ns = monotonic_ns() + 600'000'000;
    while (monotonic_ns() < until_ns) REQUIRE(ttl_s() == -1);

    INFO("and in no mode it may go");
    CHECK(run(here, {"mode", "set", "viral", "auto"}).exit_code == 0);
    CHECK(run(here, {"cache", "unpin", "viral"}).exit_code == 0);
    redis.cli({"EXPIRE", "link:{viral}", "30"});
    const std::int64_t quiet_until_ns = monotonic_ns() + 600'000'000;
    while (monotonic_ns() < quiet_until_ns) REQUIRE(ttl_s() <= 30);
}
