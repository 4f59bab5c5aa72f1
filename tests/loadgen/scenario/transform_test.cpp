#include "loadgen/scenario/transform.hpp"

#include <cmath>

#include "loadgen/scenario/loader.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

scenario::Phase phase(scenario::Shape shape, double from, double to,
                      std::chrono::nanoseconds duration) {
    return {"p", shape, from, to, duration};
}

}  // namespace

TEST_CASE("a phase asks for the area under its rate curve", "[loadgen][scenario]") {
    using scenario::Shape;
    CHECK(scenario::requests_of(phase(Shape::constant, 250, 250, 4s)) == Approx(1000));
    CHECK(scenario::requests_of(phase(Shape::ramp, 0, 100, 10s)) == Approx(500));
    CHECK(scenario::requests_of(phase(Shape::ramp, 100, 50, 2s)) == Approx(150));
    // Halving over one second, ten times: the sum of a geometric series' integral.
    CHECK(scenario::requests_of(phase(Shape::decay, 1024, 1, 10s)) == Approx(1023 / std::log(2.0)));
    CHECK(scenario::requests_of(phase(Shape::decay, 100, 100, 10s)) == Approx(1000));
    CHECK(scenario::requests_of(scenario::viral_burst()) == Approx(160'060'000));
    CHECK(scenario::duration_of(scenario::viral_burst()) == 400s);
}

TEST_CASE("scaling keeps the shape and times", "[loadgen][scenario]") {
    const auto plan = scenario::scale_to_peak(scenario::viral_burst(), 156250);
    REQUIRE(plan.has_value());
    CHECK(scenario::peak_rate_of(*plan) == Approx(156250));
    CHECK(plan->phases[3].rate_from_per_s == Approx(15.625));
    CHECK(plan->phases[3].rate_to_per_s == Approx(15.625));
    CHECK(scenario::duration_of(*plan) == 400s);

    scenario::Plan churning = scenario::viral_burst();
    churning.new_connections_per_s = 640;
    CHECK(scenario::scale_rates(churning, 1.0 / 64)->new_connections_per_s == Approx(10));
}

TEST_CASE("compressing keeps rates and shortens every phase", "[loadgen][scenario]") {
    const auto plan = scenario::compress_time(scenario::viral_burst(), 10);
    REQUIRE(plan.has_value());
    CHECK(scenario::peak_rate_of(*plan) == 10e6);
    CHECK(plan->phases[0].duration == 1s);
    CHECK(plan->phases[2].duration == 30s);
}

TEST_CASE("a transform that leaves no sensible plan is refused", "[loadgen][scenario]") {
    for (const double factor : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
        CHECK(scenario::scale_rates(scenario::viral_burst(), factor).has_error());
        CHECK(scenario::compress_time(scenario::viral_burst(), factor).has_error());
    }
    CHECK(scenario::compress_time(scenario::viral_burst(), 0.5).error().message ==
          "time can only be compressed by a factor of 1 or more");
    CHECK(scenario::compress_time(scenario::viral_burst(), 1e6).error().message ==
          "compressed so far, phase peak would be shorter than a millisecond (compress less)");
    CHECK(scenario::scale_to_peak(scenario::viral_burst(), 2e12).error().message ==
          "the scaled peak of 2000G/s is more than 1G/s");
    auto long_run = scenario::viral_burst();
    for (auto& phase : long_run.phases) phase.duration = 24h;
    CHECK(scenario::scale_to_peak(long_run, 1e9)
              .error()
              .message.starts_with("the scaled scenario asks for "));
}
