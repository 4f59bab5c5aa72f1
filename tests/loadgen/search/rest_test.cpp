#include "loadgen/search/rest.hpp"

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::search;
using namespace std::chrono_literals;

namespace {

scenario::Plan plan_of_search() {
    scenario::Plan plan;
    plan.phases.emplace_back();
    plan.requests.emplace_back();
    return plan;
}

}  // namespace

TEST_CASE("a probe asks little enough to add to no backlog, and often enough to be seen",
          "[loadgen][search]") {
    const auto rate = [](double per_s) {
        const scenario::Plan probe = probe_of(plan_of_search(), per_s);
        REQUIRE(probe.phases.size() == 1);
        CHECK(probe.phases[0].rate_from_per_s == probe.phases[0].rate_to_per_s);
        CHECK(probe.phases[0].duration == 250ms);
        return probe.phases[0].rate_to_per_s;
    };
    CHECK(rate(1) == 4);
    CHECK(rate(200) == 20);
    CHECK(rate(1e6) == 40);
}

TEST_CASE("a target is at rest when it answers as soon and as well as before the search",
          "[loadgen][search]") {
    const Rest before{200us, 0};
    CHECK(is_at_rest({200us, 0}, before));
    CHECK(is_at_rest({1'400us, 0}, before));
    CHECK_FALSE(is_at_rest({1'401us, 0}, before));
    CHECK_FALSE(is_at_rest({200us, 0.1}, before));
    // One that always refuses half has no backlog because it does.
    CHECK(is_at_rest({200us, 0.5}, {200us, 0.5}));
}

TEST_CASE("a probe shows the median and the share of errors, of a target that answers nothing too",
          "[loadgen][search]") {
    const scenario::Plan plan = probe_of(plan_of_search(), 1e6);
    record::RunResult run = test::good_run(plan);
    const Rest good = rest_of(run);
    CHECK(good.p50 > 0us);
    CHECK(good.p50 < 1ms);
    CHECK(good.errors == 0);
    test::fail_some(run, 0, record::Cause::reset, 5);
    CHECK(rest_of(run).errors == 0.5);
    CHECK_FALSE(is_at_rest(rest_of(run), good));
    CHECK(rest_of({}).errors == 1);
}
