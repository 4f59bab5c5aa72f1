#include "loadgen/report/burst.hpp"

#include <algorithm>

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using report::StepReport;

namespace {

/// A run of phases at so many requests a second each, interval by interval of 100 ms, served in the
/// order they came by a target that takes `capacity` requests an interval.
class Queue {
public:
    /// Each phase takes two seconds.
    explicit Queue(const std::vector<double>& rates) {
        for (const double rate : rates) {
            scenario::Phase& planned = plan.phases.emplace_back();
            planned.name = "p" + std::to_string(plan.phases.size());
            planned.rate_from_per_s = planned.rate_to_per_s = rate;
            planned.duration = 2s;
            record::PhaseResult& phase = run.phases.emplace_back();
            phase.name = planned.name;
            phase.start = run.planned;
            phase.duration = 2s;
            phase.target_rate_per_s = rate;
            run.planned += 2s;
        }
        run.interval = 100ms;
    }

    /// Serves until nothing is open, or for so many intervals. `capacity(i)` in the i-th one.
    template <class Capacity>
    void serve(Capacity&& capacity, std::size_t intervals = 1000) {
        std::uint64_t open = 0;
        for (std::size_t i = 0; i < intervals; ++i) {
            const std::size_t phase = i / 20;
            const bool due = phase < run.phases.size();
            if (!due && open == 0) break;
            record::Interval& at = run.series.emplace_back();
            if (due)
                at.scheduled = static_cast<std::uint64_t>(plan.phases[phase].rate_from_per_s / 10);
            open += at.scheduled;
            at.answered = std::min<std::uint64_t>(open, capacity(i));
            open -= at.answered;
            // Who comes last in the interval waits until those before are served.
            const auto per_interval = std::max<std::uint64_t>(capacity(i), 1);
            const auto wait = std::chrono::nanoseconds(100ms).count() * open / per_interval;
            if (at.scheduled > 0) {
                at.latency.record(static_cast<std::int64_t>(wait) + 200'000,
                                  static_cast<std::uint32_t>(at.scheduled));
            }
        }
        run.duration = run.interval * static_cast<std::int64_t>(run.series.size());
    }
    std::vector<StepReport> steps(const std::vector<std::string>& objectives = {}) const {
        std::vector<report::Slo> slos;
        for (const std::string& text : objectives) slos.push_back(report::parse_slo(text).value());
        return report::steps_of(plan, run, slos);
    }

    scenario::Plan plan;
    record::RunResult run;
};

}  // namespace

TEST_CASE("a target that keeps up shows no backlog and no overshoot", "[loadgen][report][burst]") {
    Queue queue({10'000, 1'000});
    queue.serve([](std::size_t) { return 5'000; });
    const auto steps = queue.steps({"errors<1%", "p99<5ms"});
    REQUIRE(steps.size() == 2);
    for (const StepReport& step : steps) {
        CAPTURE(step.phase);
        CHECK_FALSE(step.shows());
        CHECK(step.settled);
        CHECK(step.settled_p99_us == Approx(200).epsilon(0.02));
        CHECK(step.p99_overshoot == 0);
        CHECK(step.drain_s == 0);
        CHECK(step.outside_s == 0);
        CHECK(step.back_within_s == 0);
        CHECK(step.objective == "p99<5ms");
        CHECK(step.objective_from == "--slo");
    }
    CHECK(steps[0].rate_before == 0);
    CHECK(steps[0].rate_after == 10'000);
    CHECK(steps[0].backlog_allowed == 50);  // 10,000/s for 5 ms
    CHECK(steps[1].at_s == 2);
    CHECK(steps[1].rate_before == 10'000);
    CHECK(steps[0].settled_rate == 10'000);
    CHECK(steps[0].rate_overshoot == 0);
    CHECK(steps[1].rate_overshoot == 0);
}

TEST_CASE("a stall gives the backlog of the schedule, and the time it takes to drain",
          "[loadgen][report][burst]") {
    Queue queue({1'000, 10'000, 1'000});
    // Stalled from 2.2 s to 2.7 s: 5 intervals of 1,000 requests. Then 2,000 are taken an interval,
    // while 1,000 more come.
    queue.serve([](std::size_t i) { return i >= 22 && i < 27 ? 0 : 2'000; });
    const auto steps = queue.steps({"p99<10ms"});
    REQUIRE(steps.size() == 3);
    CHECK_FALSE(steps[0].shows());
    CHECK_FALSE(steps[2].shows());
    const StepReport& step = steps[1];
    CHECK(step.backlog_before == 0);
    CHECK(step.backlog_max == 5'000);
    CHECK(step.backlog_max_after_s == Approx(0.7));
    CHECK(step.backlog_allowed == 100);
    REQUIRE(step.drain_s);
    CHECK(*step.drain_s == Approx(0.5));  // 1,000 fewer an interval
    CHECK(step.settled);
    CHECK(step.settled_rate == 10'000);
    REQUIRE(step.rate_overshoot);
    CHECK(*step.rate_overshoot == Approx(1));  // 20,000/s while it drained
    REQUIRE(step.p99_overshoot);
    CHECK(*step.p99_overshoot > 100);
    // From 2.2 s until the first interval that leaves nothing open, which is the one from 3.1 s.
    CHECK(step.outside_s == Approx(0.9));
    REQUIRE(step.back_within_s);
    CHECK(*step.back_within_s == Approx(1.1));
    const auto parts = report::step_parts(step);
    REQUIRE(parts.size() == 3);
    CHECK(parts[0] == "backlog 5,000 after 700 ms, drained in 500 ms");
    CHECK(parts[2] == "back within p99<10ms after 1.1 s (outside for 900 ms)");
}

TEST_CASE("a backlog may drain in the phases after its own, or not at all",
          "[loadgen][report][burst]") {
    Queue queue({10'000, 1'000});
    queue.serve([](std::size_t) { return 600; });
    auto steps = queue.steps({"p99<100ms"});
    REQUIRE(steps.size() == 2);
    // 400 an interval stay open in the first phase, and 500 fewer in the second.
    CHECK(steps[0].backlog_max == 8'000);
    CHECK(steps[0].backlog_max_after_s == Approx(2));
    CHECK_FALSE(steps[0].settled);
    CHECK_FALSE(steps[0].p99_overshoot);
    CHECK_FALSE(steps[0].back_within_s);
    REQUIRE(steps[0].drain_s);
    CHECK(*steps[0].drain_s == Approx(1.6));  // down to 100: 1,000/s for 100 ms
    CHECK(steps[1].backlog_before == 8'000);
    CHECK(steps[1].backlog_max == 7'500);
    CHECK(*steps[1].drain_s == Approx(1.5));
    REQUIRE(steps[1].back_within_s);
    CHECK(*steps[1].back_within_s >= Approx(1.4));

    Queue cut({10'000});
    cut.serve([](std::size_t) { return 600; }, 20);
    steps = cut.steps();
    CHECK_FALSE(steps[0].drain_s);
    CHECK(steps[0].objective.empty());  // nothing settled that could set one
    CHECK(report::step_parts(steps[0]) ==
          std::vector<std::string>{"backlog 8,000 after 2 s, not drained when the run ended"});
}

TEST_CASE("without a latency objective it is twice the settled p99, and at least a millisecond",
          "[loadgen][report][burst]") {
    Queue queue({10'000, 1'000});
    queue.serve([](std::size_t) { return 5'000; });
    CHECK(queue.steps()[0].objective == "p99 < 1 ms");
    CHECK(queue.steps({"errors<1%", "p2:p50<9ms"})[0].objective == "p99 < 1 ms");
    CHECK(queue.steps({"errors<1%", "p2:p50<9ms"})[1].objective == "p2:p50<9ms");
    for (record::Interval& at : queue.run.series) {
        at.latency = {};
        at.latency.record(3'000'000, 100);
    }
    const StepReport slow = queue.steps()[1];
    CHECK(slow.objective_from == "twice the settled p99 of p1");
    CHECK(slow.objective == "p99 < 6 ms");
}

TEST_CASE("what fails or is given up is no longer open", "[loadgen][report][burst]") {
    Queue queue({1'000});
    queue.serve([](std::size_t) { return 0; }, 20);
    queue.run.series[10].failed = 1'100;
    const StepReport step = queue.steps()[0];
    CHECK(step.backlog_max == 1'000);
    CHECK(step.backlog_max_after_s == Approx(1));
    REQUIRE(step.drain_s);
    CHECK(*step.drain_s == Approx(0.1));
}

TEST_CASE("a ramp does not settle, and a closed loop has no steps", "[loadgen][report][burst]") {
    Queue queue({10'000});
    queue.serve([](std::size_t) { return 5'000; });
    queue.plan.phases[0].shape = scenario::Shape::ramp;
    CHECK_FALSE(queue.steps()[0].settled);
    CHECK(queue.steps().size() == 1);
    queue.run.closed_loop = true;
    CHECK(queue.steps().empty());
}
