#include "loadgen/report/blame.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

const std::string symptom = "send lag p99 38 ms in peak";

}  // namespace

TEST_CASE("advice names the lever that the command has", "[loadgen][report]") {
    scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    test::lag(run, 0, 38ms);
    run.generator.cpu_share_max = 0.99;
    const auto advice = [&] { return report::judge(run, plan).advice.front(); };
    CHECK(test::contains(advice(), "Lower --rate to 110k, add --threads"));
    plan.lever = {"--speed", 20};
    CHECK(test::contains(advice(), "Lower --speed to 15, add --threads"));
    plan.lever = {"--speed", 0.5};
    CHECK(test::contains(advice(), "Lower --speed to 0.37, add --threads"));
    plan.lever = {"--speed", 300'000};
    CHECK(test::contains(advice(), "Lower --speed to 220000, add --threads"));
    plan.lever = {"the rate"};
    CHECK(test::contains(advice(), "Lower the rate to 110k, add --threads"));
}

TEST_CASE(
    "where users wait for their own answers, the target is too slow unless the generator's "
    "CPU was full",
    "[loadgen][report]") {
    scenario::Plan plan = test::small_burst();
    plan.users = scenario::Users{{{"readers", 8'000, 20, 0}}, 1'000};
    record::RunResult run = test::good_run(plan);
    test::lag(run, 0, 38ms);
    run.phases[0].service.record(88'000'000, 20'000);
    report::Verdict verdict = report::judge(run, plan);
    CHECK(to_string(verdict.culprit) == "target");
    CHECK(verdict.reasons.front() ==
          "the target answered too slowly: users still waited for an answer when they were to ask "
          "again (" +
              symptom + "; service p99 88 ms, max 88 ms)");
    CHECK(verdict.advice.front() ==
          "This is more than it can answer. Lower --users to 6,000, or their rates.");

    run.generator.cpu_share_max = 0.97;
    verdict = report::judge(run, plan);
    CHECK(to_string(verdict.culprit) == "generator");
    CHECK(verdict.reasons.front() ==
          "the generator could not keep time (" + symptom + "; its CPU was at 97 %)");
    CHECK(verdict.advice.front() ==
          "The latencies include that lag. Lower --users to 6,000, add --threads, or give it more "
          "cores.");

    // Answers that were late, but not so late that anybody waited for one.
    run = test::good_run(plan);
    test::lag(run, 0, 38ms);
    run.phases[0].service.record(40'000'000, 20'000);
    run.generator.threads[0].wake_lag.record(37'000'000);
    CHECK(test::contains(report::judge(run, plan).reasons.front(),
                         "the generator's threads were woken late (" + symptom));

    // Cores of its own are what it does not want.
    run.generator.shares_with_target = true;
    CHECK(report::judge(run, plan).advice.front() ==
          "It shares its CPUs with the service: start that on another machine (--target).");
}

TEST_CASE("a slow target is said to have lacked CPUs when others had them on its machine",
          "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    test::lag(run, 0, 38ms);
    run.phases[0].service.record(7'000'000, 20'000);
    test::take_cpus(run, 0, {true, 0.01, 0.86, 0.4});
    run.generator.cpu_share_max = 0.4;
    REQUIRE(report::judge(run, plan).advice.size() == 1);  // it is elsewhere
    run.generator.target_is_here = true;
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(to_string(verdict.culprit) == "target");
    REQUIRE(verdict.advice.size() == 2);
    CHECK(verdict.advice[1] ==
          "It may be so for want of CPUs: others had 87 % of this machine's in peak.");
    // And not when they had little.
    run.generator.cpu_stretches.clear();
    test::take_cpus(run, 0, {true, 0.01, 0.1, 0.4});
    CHECK(report::judge(run, plan).advice.size() == 1);
}
