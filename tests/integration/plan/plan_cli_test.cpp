#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using nlohmann::json;

namespace {

const json& assumption(const json& plan, const std::string& flag) {
    for (const json& one : plan["assumptions"]) {
        if (one["flag"] == flag) return one;
    }
    FAIL("there is no assumption " + flag);
    return plan;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a plan is printed with every number's computation and source", "[plan][B6]") {
    const auto run = test::run_program(QCK_PROGRAM, {"plan", "viral", "--rate", "1M"});
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 0);
    CHECK(contains(run.out, "1M / (125k x 0.45)"));
    CHECK(contains(run.out, "--redis-ops"));
    const auto stage = test::run_program(QCK_PROGRAM, {"plan", "stage", "--per-day", "1M"});
    CHECK(stage.exit_code == 0);
}

TEST_CASE(
    "calibration puts what was measured here in the place of what was assumed, but for what "
    "was typed",
    "[plan][B6]") {
    const auto run = test::run_program(QCK_PROGRAM, {"plan", "viral", "--rate", "1M", "--calibrate",
                                                     "--request-bytes", "333", "--json"});
    CAPTURE(run.out, run.err);
    REQUIRE(run.exit_code == 0);
    const json plan = json::parse(run.out);
    const json rate = assumption(plan, "generator-rate");
    CHECK(rate["value"].get<double>() > 1'000);
    CHECK(rate["source"].get<std::string>().find("measured here against") == 0);
    CHECK(assumption(plan, "redirect-rate")["source"].get<std::string>().find("measured here") ==
          0);
    CHECK(assumption(plan, "request-bytes")["value"] == 333);
    CHECK(assumption(plan, "redis-ops")["value"] == 1'000'000);
}

TEST_CASE("what a plan cannot be made of is refused in a line", "[plan]") {
    const auto refused = [](std::vector<std::string> arguments) {
        const auto run = test::run_program(QCK_PROGRAM, arguments);
        CHECK(run.exit_code == 2);
        return run.err;
    };
    CHECK(refused({"plan", "viral", "--target", "http://127.0.0.1:1/"}) ==
          "qck plan: --target: is what --calibrate measures; add that\n");
    CHECK(contains(refused({"plan", "viral", "--redis-ops", "many"}), "'many' is not a number"));
    CHECK(contains(refused({"plan", "viral", "--generator-share", "2"}),
                   "--generator-share: '2' is not from 0.01 to 1"));
    CHECK(contains(refused({"plan", "stage", "--per-day", "1G"}), "--per-day"));
}
