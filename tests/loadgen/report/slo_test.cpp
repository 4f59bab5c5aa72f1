#include "loadgen/report/slo.hpp"

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using report::Slo;

TEST_CASE("objectives read as people write them", "[loadgen][report]") {
    const auto p99 = report::parse_slo("p99<5ms").value();
    CHECK(p99.expression == "p99<5ms");
    CHECK(p99.phase.empty());
    CHECK(p99.metric == Slo::Metric::percentile);
    CHECK(p99.percentile == Approx(0.99));
    CHECK(p99.order == Slo::Order::below);
    CHECK(p99.bound == 5e6);

    const auto peak = report::parse_slo("peak:p999<=20ms").value();
    CHECK(peak.phase == "peak");
    CHECK(peak.percentile == Approx(0.999));
    CHECK(peak.order == Slo::Order::at_most);

    CHECK(report::parse_slo("p99.95 < 1s")->percentile == Approx(0.9995));
    CHECK(report::parse_slo("p9999<1s")->percentile == Approx(0.9999));
    CHECK(report::parse_slo("p50<500us")->bound == 5e5);
    CHECK(report::parse_slo("mean<1ms")->metric == Slo::Metric::mean);
    CHECK(report::parse_slo("max<=1s")->metric == Slo::Metric::max);
    CHECK(report::parse_slo("errors<0.1%")->bound == Approx(0.001));
    CHECK(report::parse_slo("errors<=0")->bound == 0);
    CHECK(report::parse_slo("errors<0.001")->bound == Approx(0.001));
    CHECK(report::parse_slo("rate>=120k")->bound == 120e3);
    CHECK(report::parse_slo("rate>1M")->order == Slo::Order::above);
}

TEST_CASE("what is no objective is refused in one line", "[loadgen][report]") {
    const std::string known =
        "' is not a measure (known: p50, p99, p999 and the like, mean, max, errors, rate)";
    const struct {
        const char* text;
        std::string message;
    } wrong[] = {
        {"", "'': no < or > in it (try p99<5ms, errors<0.1% or peak:p999<=20ms)"},
        {"p99=5ms", "'p99=5ms': no < or > in it (try p99<5ms, errors<0.1% or peak:p999<=20ms)"},
        {"<5ms", "'<5ms': '" + known},
        {"p9<5ms", "'p9<5ms': 'p9" + known},
        {"p<5ms", "'p<5ms': 'p" + known},
        {"p1000000000<5ms", "'p1000000000<5ms': 'p1000000000" + known},
        {"p9.99<5ms", "'p9.99<5ms': 'p9.99" + known},
        {"latency<5ms", "'latency<5ms': 'latency" + known},
        {"p99>5ms", "'p99>5ms': p99 is to stay below a bound (use < or <=)"},
        {"rate<5k", "'rate<5k': rate is to stay above a bound (use > or >=)"},
        {"p99<5", "'p99<5': '5' is not a time (try 500ms, 10s or 5m)"},
        {"p99<<5ms", "'p99<<5ms': '<5ms' is not a time (try 500ms, 10s or 5m)"},
        {"errors<x", "'errors<x': 'x' is not a share (try 0.1% or 0.001)"},
        {"errors<", "'errors<': '' is not a share (try 0.1% or 0.001)"},
        {"errors<%", "'errors<%': '%' is not a share (try 0.1% or 0.001)"},
        {"errors<101%", "'errors<101%': '101%' is not a share (try 0.1% or 0.001)"},
        {"errors<-1%", "'errors<-1%': '-1%' is not a share (try 0.1% or 0.001)"},
        {"errors<nan", "'errors<nan': 'nan' is not a share (try 0.1% or 0.001)"},
        {"rate>=10MM", "'rate>=10MM': '10MM' is not a rate (try 10M, 250k or 1500)"},
        {":p99<5ms", "':p99<5ms': no phase before the colon"},
    };
    for (const auto& one : wrong) {
        const auto slo = report::parse_slo(one.text);
        CAPTURE(one.text);
        REQUIRE(slo.has_error());
        CHECK(slo.error().code == Errc::invalid_argument);
        CHECK(slo.error().message == one.message);
    }
}

TEST_CASE("a phase that is not there is refused, and those that are are named",
          "[loadgen][report]") {
    const auto slo = report::parse_slo("paek:p99<5ms").value();
    CHECK(report::check_phase(slo, {"peak", "normal"}).error().message ==
          "'paek:p99<5ms': there is no phase 'paek' (there are peak, normal)");
    CHECK(report::check_phase(report::parse_slo("peak:p99<5ms").value(), {"peak"}).has_value());
    CHECK(report::check_phase(report::parse_slo("p99<5ms").value(), {"peak"}).has_value());
}

TEST_CASE("objectives are held against what was measured", "[loadgen][report]") {
    record::RunResult run;
    run.phases.resize(2);
    run.phases[0].name = "a";
    run.phases[1].name = "b";
    for (record::PhaseResult& phase : run.phases) phase.duration = std::chrono::seconds(10);
    run.phases[0].accounting = {1000, 990, 10, 980, 6, 4, 0};
    run.phases[0].status = {{302, 970}, {503, 10}};
    run.phases[0].unexpected = {{503, 10}};
    run.phases[1].accounting = {1000, 1000, 0, 1000, 0, 0, 0};
    run.phases[1].status = {{302, 900}, {404, 100}};
    run.phases[1].unexpected = {{404, 20}};
    run.phases[0].latency.record(1'000'000, 1000);
    run.phases[1].latency.record(3'000'000, 1000);
    const auto of = [&run](const char* text) {
        return report::evaluate(report::parse_slo(text).value(), run);
    };
    // Failed 6, timed out 4, unsent 10 and 503 10 of 1,000; of the 404 80 were asked for.
    CHECK(of("a:errors<3%").value == Approx(0.03));
    CHECK_FALSE(of("a:errors<3%").pass);
    CHECK(of("a:errors<=3%").pass);
    CHECK(of("b:errors<3%").value == Approx(0.02));
    CHECK(of("errors<2.6%").value == Approx(0.025));
    CHECK(of("a:p99<1.1ms").pass);
    CHECK(of("a:p99<1.1ms").value == Approx(1000).epsilon(0.001));
    CHECK_FALSE(of("b:p50<2.9ms").pass);
    CHECK(of("mean<2.1ms").pass);
    CHECK(of("mean<2.1ms").value == Approx(2000));
    CHECK(of("max<=3ms").pass);
    CHECK(of("rate>=99").value == Approx(99));
    CHECK(of("rate>=99").pass);
    CHECK_FALSE(of("rate>99").pass);
    CHECK(of("b:rate>=100").pass);
    CHECK(report::shown_value(of("a:errors<3%")) == "3 %");
    CHECK(report::shown_value(of("max<=3ms")) == "3 ms");
    CHECK(report::shown_value(of("rate>=99")) == "99/s");
}

TEST_CASE("what was not measured does not pass", "[loadgen][report]") {
    record::RunResult run;
    for (const char* text : {"p99<5ms", "errors<50%", "rate>1"}) {
        const auto objective = report::evaluate(report::parse_slo(text).value(), run);
        CHECK_FALSE(objective.pass);
        CHECK(report::shown_value(objective) == "not measured");
    }
}
