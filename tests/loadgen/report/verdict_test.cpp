#include "loadgen/report/verdict.hpp"

#include "base/units.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using record::Cause;

TEST_CASE("a run that was offered as planned is valid", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    const report::Verdict verdict = report::judge(test::good_run(plan), plan);
    CHECK(verdict.status == report::Status::valid);
    CHECK(verdict.culprit == report::Culprit::none);
    CHECK(verdict.reasons.empty());
    CHECK(verdict.advice.empty());
}

TEST_CASE("99 of 100 answered is enough, and less is not", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    const std::uint64_t one_percent = run.phases[1].accounting.scheduled / 100;
    test::time_out_some(run, 1, one_percent);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    test::fail_some(run, 1, Cause::reset, 1);
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(verdict.culprit == report::Culprit::target);
    // An interrupted run owes no answer to what it cut off itself.
    run = test::good_run(plan);
    run.interrupted = true;
    run.phases[0].accounting.answered -= 5000;
    run.phases[0].accounting.in_flight += 5000;
    CHECK(report::judge(run, plan).reasons.size() == 1);
}

TEST_CASE("connections that were not renewed as often as asked for are named",
          "[loadgen][report]") {
    scenario::Plan plan = test::small_burst();
    plan.new_connections_per_s = 2000;
    record::RunResult run = test::good_run(plan);
    run.generator.connections_opened = plan.connections + 2000 * 40;
    CHECK(report::judge(run, plan).status == report::Status::valid);
    run.generator.connections_opened = plan.connections + 223 * 40;
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(verdict.reasons ==
          std::vector<std::string>{"only 222/s of the 2k/s new connections asked for were opened"});
}

TEST_CASE("a run whose answers nobody asked for is invalid, and says what they were",
          "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    for (record::PhaseResult& phase : run.phases) {
        phase.status = {{404, phase.accounting.answered}};
        phase.unexpected = phase.status;
    }
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(verdict.culprit == report::Culprit::target);
    REQUIRE(verdict.reasons.size() == 1);
    CHECK(verdict.reasons[0] ==
          "all answers were 404 (" + format_count(run.total().answered) + " of them)");
    REQUIRE(verdict.advice.size() == 1);
    CHECK(verdict.advice[0].find("Is the link there?") == 0);

    // Of two kinds; and the advice is for the one that came most.
    for (record::PhaseResult& phase : run.phases) {
        phase.unexpected = {{429, phase.accounting.answered - 1}, {503, 1}};
    }
    const report::Verdict limited = report::judge(run, plan);
    CHECK(limited.reasons[0].find("no answer was what was asked for (429: ") == 0);
    CHECK(limited.advice[0].find("A limit of the target's") == 0);
}

TEST_CASE("a few answers that nobody asked for are noted, and leave a run valid",
          "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.phases[0].unexpected = {{500, 1'200}};
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::valid);
    REQUIRE(verdict.notes.size() == 1);
    CHECK(verdict.notes[0] == "1,200 of " + format_count(run.total().answered) +
                                  " answers were not what was asked for (500: 1,200), and count "
                                  "as errors.");
}

TEST_CASE("99 of 100 sent is enough, and less is not", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    const std::uint64_t one_percent = run.phases[1].accounting.scheduled / 100;
    test::unsend_some(run, 1, Cause::no_free_connection, one_percent);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    test::unsend_some(run, 1, Cause::no_free_connection, 1);
    CHECK(report::judge(run, plan).status == report::Status::invalid);
}

TEST_CASE("a phase that lacks no whole request lacks nothing", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    record::PhaseResult& last = run.phases.back();
    last.target_rate_per_s = (static_cast<double>(last.accounting.sent) + 0.9) /
                             std::chrono::duration<double>(last.duration).count();
    CHECK(report::judge(run, plan).status == report::Status::valid);
}

TEST_CASE("the send lag may be a millisecond, or a tenth of the latency", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    test::lag(run, 0, 990us);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    run = test::good_run(plan);
    test::lag(run, 0, 1100us);
    CHECK(report::judge(run, plan).status == report::Status::invalid);
    // The same lag beside latencies of 20 ms does not change what they say.
    run.phases[0].latency.record(20'000'000, run.phases[0].accounting.sent);
    CHECK(report::judge(run, plan).status == report::Status::valid);
}

TEST_CASE("one late request of too few for a p99 is noted and not held against the run",
          "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    record::PhaseResult& few = run.phases[3];
    REQUIRE(few.accounting.sent == 93);
    few.send_lag.record(38'000'000);
    few.latency.record(38'100'000);
    report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::valid);
    CHECK(verdict.notes ==
          std::vector<std::string>{"normal: 94 requests only: too few for a p99; one that was sent "
                                   "38 ms late does not count."});
    // A second one is no accident.
    few.send_lag.record(38'000'000);
    verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(test::contains(verdict.reasons.at(0),
                         "of 93 requests two or more sent 38 ms late in normal"));
    CHECK(verdict.notes.empty());
    // Of 100 there is a p99, and it forgives one of them by itself.
    few = test::good_run(plan).phases[3];
    few.send_lag.record(10'000, 6);
    few.send_lag.record(38'000'000);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    CHECK(report::judge(run, plan).notes.empty());
    few.send_lag.record(38'000'000);
    CHECK(test::contains(report::judge(run, plan).reasons.at(0), "send lag p99 38 ms in normal"));
    // A single request is never late.
    run = test::good_run(plan);
    run.phases[3].send_lag = {};
    run.phases[3].send_lag.record(38'000'000);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    CHECK(report::judge(run, plan).notes.size() == 1);
}

TEST_CASE("several phases are one reason, of the worst of them", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.generator.cpu_share_max = 1;
    test::lag(run, 1, 5ms);
    test::lag(run, 2, 9ms);
    test::unsend_some(run, 0, Cause::no_free_connection, 20'000);
    CHECK(
        report::judge(run, plan).reasons ==
        std::vector<std::string>{"the generator could not keep time (only 87.2 % of the target "
                                 "rate was sent in peak and 2 more phases; its CPU was at 100 %)"});
}

TEST_CASE("accounting that does not close is qck's own fault", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.phases[3].accounting.answered -= 1;
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(verdict.culprit == report::Culprit::generator);
    CHECK(verdict.reasons ==
          std::vector<std::string>{
              "the accounting of normal does not close (scheduled 93, sent 93, unsent 0, answered "
              "92, failed 0, timed out 0, in flight 0)"});
    CHECK(verdict.advice ==
          std::vector<std::string>{"This is a defect of qck: please report it with report.json."});
}

TEST_CASE("a closed loop has no target to miss", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.closed_loop = true;
    test::lag(run, 0, 38ms);
    CHECK(report::judge(run, plan).status == report::Status::valid);
}

TEST_CASE("a closed loop that was not answered measured nothing", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run;
    run.closed_loop = true;
    run.duration = run.planned = 1s;
    record::PhaseResult& phase = run.phases.emplace_back();
    phase.name = "max";
    phase.duration = 1s;
    // Nobody could be connected to.
    test::connects_failed(run, Cause::refused, 500);
    CHECK(report::judge(run, plan).status == report::Status::invalid);
    CHECK(report::judge(run, plan).reasons ==
          std::vector<std::string>{
              "the target refused connections (500 times; nothing was answered in max)"});
    // All were reset.
    run.generator = {};
    run.generator.connections_opened = 12;
    phase.accounting.scheduled = phase.accounting.sent = phase.accounting.failed = 12;
    phase.failed_by[static_cast<std::size_t>(Cause::reset)] = 12;
    CHECK(to_string(report::judge(run, plan).culprit) == "target");
    CHECK(report::judge(run, plan).status == report::Status::invalid);
}

TEST_CASE("an interrupted run says so, and what else was wrong", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.interrupted = true;
    run.duration = 3200ms;
    CHECK(report::judge(run, plan).status == report::Status::interrupted);
    CHECK(report::judge(run, plan).reasons ==
          std::vector<std::string>{"stopped after 3.2 s of 40 s"});
    // A phase that was cut short owes only what had come due.
    run.phases[2].target_rate_per_s *= 2;
    CHECK(report::judge(run, plan).reasons.size() == 1);
    test::lag(run, 0, 38ms);
    CHECK(report::judge(run, plan).status == report::Status::interrupted);
    CHECK(report::judge(run, plan).reasons.size() == 2);
}
