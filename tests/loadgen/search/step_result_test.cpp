#include "loadgen/search/step_result.hpp"

#include "loadgen/search/search_report.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::search;
using namespace std::chrono_literals;

namespace {

/// A good run of 20,000/s for a second, and the step that asked for it.
struct Made {
    Made() {
        scenario::Phase phase;
        phase.name = "search";
        phase.rate_from_per_s = phase.rate_to_per_s = 20'000;
        phase.duration = 1s;
        plan.phases = {phase};
        plan.requests.emplace_back();
        run = test::good_run(plan);
        step.rate_per_s = 20'000;
        step.duration = 1s;
    }
    StepResult result(const char* slo) const {
        return result_of(step, run, plan, {*report::parse_slo(slo)});
    }
    scenario::Plan plan;
    record::RunResult run;
    Step step;
};

}  // namespace

TEST_CASE("a step holds when its run is valid and meets every objective", "[loadgen][search]") {
    const Made made;
    const StepResult result = made.result("p99<5ms");
    CHECK(result.outcome == Outcome::held);
    CHECK(result.reason.empty());
    CHECK(result.achieved_per_s == 20'000);
    REQUIRE(result.objectives.size() == 1);
    CHECK(result.objectives[0].pass);
}

TEST_CASE("a step that the target answers too slowly is missed by the target",
          "[loadgen][search]") {
    const Made made;
    const StepResult result = made.result("p50<50us");
    CHECK(result.outcome == Outcome::missed);
    CHECK(result.reason.substr(0, 8) == "p50<50us");
}

TEST_CASE("an objective that only the wait before sending missed is the generator's",
          "[loadgen][search]") {
    Made made;
    // Within what a valid run may lag, and yet more than the objective allows.
    test::lag(made.run, 0, 900us);
    CHECK(made.result("p99<5ms").outcome == Outcome::held);
    const StepResult result = made.result("p99<0.8ms");
    CHECK(result.verdict == report::Status::valid);
    CHECK(result.outcome == Outcome::generator);
    CHECK(result.culprit == report::Culprit::generator);
}

TEST_CASE("a generator that was late holds an objective that was met all the same",
          "[loadgen][search]") {
    Made made;
    test::lag(made.run, 0, 8ms);
    const StepResult held = made.result("p99<20ms");
    CHECK(held.verdict == report::Status::invalid);
    CHECK(held.outcome == Outcome::held);
    CHECK(made.result("p99<5ms").outcome == Outcome::generator);

    // Later than a hundredth of the step, nobody knows what was offered.
    Made late;
    test::lag(late.run, 0, 30ms);
    CHECK(late.result("p99<50ms").outcome == Outcome::generator);
}

TEST_CASE("connections that were busy for a while spoil no objective that was met all the same",
          "[loadgen][search]") {
    Made made;
    test::lag(made.run, 0, 8ms);
    made.run.generator.cpu_stretches.clear();
    // Every answer takes so long that the connections are full.
    record::PhaseResult& phase = made.run.phases.front();
    phase.service = {};
    for (int i = 0; i < 20'000; ++i) phase.service.record(7'000'000);
    const StepResult held = made.result("p99<20ms");
    CHECK(held.verdict == report::Status::invalid);
    CHECK(held.outcome == Outcome::held);
    const StepResult missed = made.result("p99<5ms");
    CHECK(missed.outcome == Outcome::missed);
    CHECK(missed.culprit == report::Culprit::target);

    // Not when connections were to be new ones: then the load itself was another.
    made.plan.new_connections_per_s = 100;
    CHECK(made.result("p99<20ms").outcome == Outcome::missed);
}

TEST_CASE("a step whose target stops answering is missed, and says so", "[loadgen][search]") {
    Made made;
    test::time_out_some(made.run, 0, 1'000);
    const StepResult result = made.result("errors<90%");
    CHECK(result.outcome == Outcome::missed);
    CHECK(result.culprit == report::Culprit::target);
    CHECK(result.reason.find("the target stopped answering") == 0);
}

TEST_CASE("a step that was answered by refusals does not hold, however fast they came",
          "[loadgen][search]") {
    Made made;
    record::PhaseResult& phase = made.run.phases.front();
    phase.status = {{404, phase.accounting.answered}};
    phase.unexpected = phase.status;
    const StepResult result = made.result("p99<5ms");
    CHECK(result.outcome == Outcome::missed);
    CHECK(result.culprit == report::Culprit::target);
    CHECK(result.reason == "all answers were 404 (20,000 of them)");
}

TEST_CASE("a search says what it found, what came next, and what to do", "[loadgen][search]") {
    Made made;
    SearchReport report;
    report.objectives = {"p50<50us"};
    report.status = SearchStatus::found;
    report.rate_per_s = 10'000;
    report.failed_per_s = 20'000;
    report.confirmed = true;
    report.steps.push_back(made.result("p50<50us"));
    const std::string found = conclusion_of(report);
    CHECK(found.find("10k/s holds p50<50us (confirmed for 20 s); at 20k/s: p50<50us: ") == 0);
    CHECK(advice_of(report).empty());
    report.status = SearchStatus::generator_bound;
    CHECK(conclusion_of(report).find("no limit of the target was found: 10k/s holds") == 0);
    CHECK(advice_of(report).find("This is what the generator can offer") == 0);
    // The long run failed at rates below that which had held for a step.
    report.confirmed = false;
    report.failed_per_s = 9'000;
    CHECK(
        conclusion_of(report) ==
        "no limit of the target was found: 10k/s held for 5 s, and could not be offered for 20 s; "
        "at 9k/s it did not");
    report.context.target = "http://<b>";
    CHECK(to_html(report).find("http://&lt;b&gt;") != std::string::npos);
    CHECK(to_html(report).find("http://<b>") == std::string::npos);
}
