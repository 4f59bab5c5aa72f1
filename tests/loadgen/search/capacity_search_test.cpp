#include "loadgen/search/capacity_search.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/random.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::search;
using namespace std::chrono_literals;

namespace {

struct Course {
    CapacitySearch search;
    std::vector<Step> steps;
};

/// Runs a search against a target that does as `outcome_of` says; bounded, so that a search that
/// would not end is a failure and no hang.
Course course_of(const SearchSettings& settings, const std::function<Outcome(Step)>& outcome_of) {
    Course course{CapacitySearch(settings), {}};
    while (const auto step = course.search.next()) {
        course.steps.push_back(*step);
        if (course.steps.size() > 200) break;
        course.search.report(outcome_of(*step));
    }
    return course;
}

std::function<Outcome(Step)> limit(double per_s, Outcome above = Outcome::missed) {
    return [per_s, above](const Step& step) {
        return step.rate_per_s <= per_s ? Outcome::held : above;
    };
}

/// Of the steps that were no confirmation, against a target that takes so much.
double highest_that_held(const Course& course, double capacity_per_s) {
    double highest = 0;
    for (const Step& step : course.steps) {
        const bool held = step.kind != StepKind::confirm && step.rate_per_s <= capacity_per_s;
        if (held) highest = std::max(highest, step.rate_per_s);
    }
    return highest;
}

}  // namespace

TEST_CASE("a search finds any limit to its precision, and never says more than held",
          "[loadgen][search]") {
    SplitMix64 random(20'26);
    for (int times = 0; times < 500; ++times) {
        const double capacity = std::pow(10, random.next_share() * 7);
        const auto course = course_of({}, limit(capacity));
        CAPTURE(capacity, course.search.rate_per_s(), course.steps.size());
        REQUIRE(course.search.status() == SearchStatus::found);
        CHECK(course.search.rate_per_s() <= capacity);
        // The rates are rounded to three digits, which near 1/s is a step of its own.
        CHECK(course.search.rate_per_s() * 1.05 * 1.006 >= capacity);
        CHECK(course.search.confirmed());
        CHECK(course.steps.back().kind == StepKind::confirm);
        CHECK(course.steps.back().duration == 20s);
        CHECK(course.steps.size() < 60);
    }
}

TEST_CASE("rates double until one fails, and are bisected from there", "[loadgen][search]") {
    SearchSettings settings;
    settings.tries = 1;
    const auto course = course_of(settings, limit(5'500));
    std::vector<double> rates;
    for (const Step& step : course.steps) rates.push_back(step.rate_per_s);
    // sqrt(4000 * 8000) = 5657, sqrt(4000 * 5660) = 4758, sqrt(4760 * 5660) = 5190, ...
    REQUIRE(rates.size() >= 8);
    rates.resize(7);
    CHECK(rates == std::vector<double>{1'000, 2'000, 4'000, 8'000, 5'660, 4'760, 5'190});
    CHECK(course.steps[3].kind == StepKind::grow);
    CHECK(course.steps[4].kind == StepKind::bisect);
    CHECK(course.search.rate_per_s() == 5'420);
    CHECK(course.search.failed_per_s() == 5'660);
}

TEST_CASE("a limit right above which the generator falls short is no limit of the target",
          "[loadgen][search]") {
    const auto course = course_of({}, limit(50'000, Outcome::generator));
    CHECK(course.search.status() == SearchStatus::generator_bound);
    CHECK(course.search.failed_by() == Outcome::generator);
    CHECK(course.search.confirmed());
    CHECK(course.search.rate_per_s() > 45'000);

    // Where the target gives in well before, the generator's own limit does not matter.
    const auto other = course_of({}, [](const Step& step) {
        if (step.rate_per_s > 100'000) return Outcome::generator;
        return step.rate_per_s > 60'000 ? Outcome::missed : Outcome::held;
    });
    CHECK(other.search.status() == SearchStatus::found);
    CHECK(other.search.failed_by() == Outcome::missed);
}

TEST_CASE("one hiccup does not bound a search", "[loadgen][search]") {
    bool hiccup = true;
    const auto course = course_of({}, [&](const Step& step) {
        if (step.rate_per_s == 4'000 && std::exchange(hiccup, false)) return Outcome::generator;
        return limit(30'000)(step);
    });
    CHECK(course.search.status() == SearchStatus::found);
    CHECK(course.search.rate_per_s() > 28'000);
    CHECK(std::count_if(course.steps.begin(), course.steps.end(),
                        [](const Step& step) { return step.rate_per_s == 4'000; }) == 2);
    CHECK(course.steps[3].attempt == 2);
}

TEST_CASE("of tries that fail, one that the target missed outweighs those the generator spoilt",
          "[loadgen][search]") {
    int tries = 0;
    const auto course = course_of({}, [&](const Step& step) {
        if (step.rate_per_s <= 10'000) return Outcome::held;
        return ++tries % 2 == 0 ? Outcome::generator : Outcome::missed;
    });
    CHECK(course.search.status() == SearchStatus::found);
}

TEST_CASE("a rate that does not hold for the long run gives way to a lower one",
          "[loadgen][search]") {
    const auto course = course_of({}, [](const Step& step) {
        // A queue that fills too slowly to be seen in five seconds.
        const double capacity = step.kind == StepKind::confirm ? 9'000 : 10'000;
        return step.rate_per_s <= capacity ? Outcome::held : Outcome::missed;
    });
    CHECK(course.search.status() == SearchStatus::found);
    CHECK(course.search.rate_per_s() <= 9'000);
    CHECK(course.search.rate_per_s() > 8'400);

    const auto never = course_of({}, [](const Step& step) {
        if (step.kind == StepKind::confirm) return Outcome::missed;
        return step.rate_per_s <= 10'000 ? Outcome::held : Outcome::missed;
    });
    CHECK(never.search.status() == SearchStatus::unconfirmed);
    CHECK_FALSE(never.search.confirmed());
    // What held is what ran and held, not the rates that were computed to be tried for longer.
    CHECK(never.search.rate_per_s() == highest_that_held(never, 10'000));
    CHECK(never.search.failed_per_s() < never.search.rate_per_s());

    const auto spoilt = course_of({}, [](const Step& step) {
        if (step.kind == StepKind::confirm) return Outcome::generator;
        return step.rate_per_s <= 10'000 ? Outcome::held : Outcome::missed;
    });
    CHECK(spoilt.search.status() == SearchStatus::generator_bound);
    CHECK(spoilt.search.rate_per_s() == highest_that_held(spoilt, 10'000));
}

TEST_CASE("the highest rate that may be tried is the answer when it holds", "[loadgen][search]") {
    SearchSettings settings;
    settings.to_per_s = 12'345;
    const auto course = course_of(settings, limit(1e9));
    CHECK(course.search.status() == SearchStatus::reaches_limit);
    CHECK(course.search.rate_per_s() == 12'345);
    for (const Step& step : course.steps) CHECK(step.rate_per_s <= 12'345);
}

TEST_CASE("a target that holds at no rate ends the search at one a second", "[loadgen][search]") {
    const auto course = course_of({}, limit(0));
    CHECK(course.search.status() == SearchStatus::none);
    CHECK(course.steps.back().rate_per_s == 1);
    CHECK(course.steps.size() < 30);

    const auto spoilt = course_of({}, limit(0, Outcome::generator));
    CHECK(spoilt.search.status() == SearchStatus::generator_bound);
    CHECK(spoilt.search.rate_per_s() == 0);
}

TEST_CASE("a search that is stopped runs nothing more", "[loadgen][search]") {
    int steps = 0;
    const auto course = course_of(
        {}, [&](const Step&) { return ++steps == 4 ? Outcome::interrupted : Outcome::held; });
    CHECK(course.search.status() == SearchStatus::interrupted);
    CHECK(course.steps.size() == 4);
    CHECK(course.search.rate_per_s() == 4'000);
}
