#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/integration/fleet/agent_process.hpp"
#include "tests/support/network_namespace.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::NetworkNamespace;

namespace {

constexpr const char* no_namespace = "needs root, `ip netns` and /dev/net/tun";

/// One agent in the namespace, begun by `wrapper`, and one outside of it, against a service
/// outside.
json run_over(const NetworkNamespace& space, const std::string& wrapper = "") {
    const test::TemporaryDirectory directory;
    const std::string token = "QCK_FLEET_TOKEN=of both";
    test::QckProcess service({"serve", "--data-dir", (directory.path() / "data").string(),
                              "--listen", space.outer_address() + ":0", "--api", "127.0.0.1:0",
                              "--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0"});
    const std::string target = "http://" + service.ready_address("redirect") + "/health";
    const std::string agent = wrapper + QCK_PROGRAM + " agent --allow-public --name far --listen " +
                              space.inner_address() + ":0";
    test::QckProcess far(test::QckProcess::shell, "exec " + space.inside(agent), {token});
    test::QckProcess near({"agent", "--allow-public", "--listen", "127.0.0.1:0", "--name", "near"},
                          {token});
    const auto out = directory.path() / "run";
    const auto run = test::run_program(
        QCK_PROGRAM,
        {"bench", "constant", "--target", target, "--rate", "400", "--duration", "3s", "--agents",
         far.ready_address() + "," + near.ready_address(), "--allow-public", "--out", out.string()},
        {token});
    CAPTURE(run.out, run.err);
    REQUIRE((run.exit_code == 0 || run.exit_code == 4));
    return json::parse(test::text_of_file(out / "report.json"));
}

/// `clock_ahead_us`: the far agent's.
void check(const json& report, double clock_ahead_us = 0) {
    const json& sums = report.at("accounting");
    CHECK(sums.at("scheduled") == 1200);
    CHECK(sums.at("answered").get<int>() >= 1188);
    for (const json& agent : report.at("generator").at("agents")) {
        CAPTURE(agent.dump());
        CHECK_FALSE(agent.at("lost").get<bool>());
        // One machine has one clock, but for what a namespace adds to it.
        const double ahead = agent.at("name") == "far" ? clock_ahead_us : 0;
        CHECK(std::abs(agent.at("clock_offset_us").get<double>() - ahead) <=
              agent.at("clock_uncertainty_us").get<double>() + 1);
    }
}

}  // namespace

TEST_CASE("an agent in a network namespace of its own takes part", "[fleet][skippable]") {
    const NetworkNamespace space;
    if (!space.is_made()) QCK_SKIP(no_namespace);
    check(run_over(space));
}

TEST_CASE(
    "delay and loss on the way to an agent show in the uncertainty of its clock, and lose "
    "nothing",
    "[fleet][skippable]") {
    // The way to the agent only: as far as a clock can be misread.
    const NetworkNamespace space({.delay = 20ms, .jitter = 5ms, .loss = 0.01}, {.loss = 0.01});
    if (!space.is_made()) QCK_SKIP(no_namespace);
    const json report = run_over(space);
    check(report);
    const json& far = report.at("generator").at("agents").at(0);
    CHECK(far.at("clock_uncertainty_us").get<double>() >= 10'000);
}

TEST_CASE("an agent whose clock is a thousand seconds ahead does its part in time",
          "[fleet][skippable]") {
    const NetworkNamespace space({.delay = 5ms}, {.delay = 5ms});
    if (!space.is_made()) QCK_SKIP(no_namespace);
    const std::string clock = "unshare -T --monotonic 1000 --fork --kill-child ";
    if (std::system((clock + "true 2>/dev/null").c_str()) != 0) {
        QCK_SKIP("this kernel has no namespaces of time");
    }
    const json report = run_over(space, clock);
    check(report, 1'000e6);
    const json& far = report.at("generator").at("agents").at(0);
    CHECK(far.at("clock_uncertainty_us").get<double>() <= 100'000);
    // By its own clock alone it would have begun at once, which is a lead of 60 ms too early.
    CHECK(far.at("start_skew_us").get<double>() >= -40'000);
    CHECK(far.at("start_skew_us").get<double>() <= 500'000);
}
