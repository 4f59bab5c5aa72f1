#include "loadgen/record/run_frame.hpp"

#include "loadgen/scenario/transform.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

/// Two phases of a second, 1,000 requests each.
scenario::Plan two_seconds() {
    scenario::Plan plan;
    for (const char* name : {"first", "second"}) {
        scenario::Phase& phase = plan.phases.emplace_back();
        phase.name = name;
        phase.duration = 1s;
        phase.rate_from_per_s = phase.rate_to_per_s = 1000;
    }
    return plan;
}

/// 100 requests due in the interval, answered after `latency`.
void answered(record::RunResult& run, std::size_t interval, std::chrono::nanoseconds latency) {
    run.series[interval].latency.record(latency.count(), 100);
    run.series[interval].answered += 100;
}

}  // namespace

TEST_CASE("a target that falls behind achieves less than all that it answers",
          "[loadgen][record]") {
    const scenario::Plan plan = two_seconds();
    const schedule::Timetable timetable(plan, false);
    const record::RunFrame frame(plan, timetable, false);
    record::RunResult run = frame.empty();
    for (std::size_t i = 0; i < 10; ++i) answered(run, i, 1ms);
    for (std::size_t i = 0; i < 10; ++i) answered(run, 10 + i, 1ms + i * 100ms);
    for (record::PhaseResult& phase : run.phases) phase.accounting.answered = 1000;
    frame.finish(run, 2'900'000'000, false);
    CHECK(run.phases[0].achieved_rate_per_s() == Approx(1000));
    CHECK(run.phases[1].overtime.count() == Approx(900e6).epsilon(0.02));
    CHECK(run.phases[1].achieved_rate_per_s() == Approx(1000 / 1.9).epsilon(0.02));
}

TEST_CASE("an interval of few requests shows no trend", "[loadgen][record]") {
    const scenario::Plan plan = two_seconds();
    const schedule::Timetable timetable(plan, false);
    const record::RunFrame frame(plan, timetable, false);
    record::RunResult run = frame.empty();
    run.series[0].latency.record(1'000'000, 19);
    run.series[9].latency.record(900'000'000, 19);
    frame.finish(run, 2'000'000'000, false);
    CHECK(run.phases[0].overtime == 0ns);
}

TEST_CASE("what timed out at the end of a phase is missing, and does not stretch it too",
          "[loadgen][record]") {
    scenario::Plan plan = two_seconds();
    plan.timeout = 10s;
    const schedule::Timetable timetable(plan, false);
    const record::RunFrame frame(plan, timetable, false);
    record::RunResult run = frame.empty();
    for (std::size_t i = 0; i < 9; ++i) answered(run, i, 1ms);
    run.series[9].latency.record(std::chrono::nanoseconds(10s).count(), 100);
    for (std::size_t i = 10; i < 20; ++i) answered(run, i, 1ms);
    run.series[19].latency.record(std::chrono::nanoseconds(10s).count(), 90);
    run.phases[0].accounting.answered = 900;
    frame.finish(run, 12'000'000'000, false);
    CHECK(run.phases[0].achieved_rate_per_s() == Approx(900));
    CHECK(run.phases[1].overtime < 10us);  // a bucket's width
}

TEST_CASE("answers after the end of a closed loop do not add to its rate", "[loadgen][record]") {
    const scenario::Plan plan = two_seconds();
    const schedule::Timetable timetable(plan, true);
    const record::RunFrame frame(plan, timetable, true);
    record::RunResult run = frame.empty();
    for (std::size_t i = 0; i < 25; ++i) answered(run, i, 1ms);
    run.phases[0].accounting.answered = 2500;
    frame.finish(run, 2'500'000'000, false);
    CHECK(run.phases[0].answered_after == 500);
    CHECK(run.phases[0].achieved_rate_per_s() == Approx(1000));
}
