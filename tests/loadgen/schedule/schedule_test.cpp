#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "loadgen/schedule/arrival_schedule.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using scenario::Phase;
using scenario::Shape;
using schedule::ArrivalSchedule;
using schedule::RateCurve;

namespace {

using Passed = ArrivalSchedule::Passed;

Phase phase(Shape shape, double from, double to, std::chrono::nanoseconds duration) {
    return {"phase", shape, from, to, duration};
}

/// A profile of one to six phases of any shape, with 0 to some 60,000 requests.
std::vector<Phase> random_profile(std::mt19937_64& random) {
    std::vector<Phase> phases(1 + random() % 6);
    for (Phase& one : phases) {
        one.shape = static_cast<Shape>(random() % 3);
        const auto rate = [&] {
            return std::pow(10, static_cast<double>(random() % 4'500) / 1000);
        };
        one.rate_from_per_s = random() % 10 == 0 ? 0 : rate();
        one.rate_to_per_s = one.shape == Shape::constant ? one.rate_from_per_s : rate();
        if (one.shape == Shape::decay && one.rate_from_per_s == 0) one.rate_from_per_s = 1;
        one.duration = std::chrono::nanoseconds(1'000'000 + random() % 700'000'000);
    }
    return phases;
}

/// The area under a phase up to a moment, by the textbook integrals in long double.
long double area_of(const Phase& one, long double ns) {
    const long double seconds = ns / 1e9L;
    const long double length = static_cast<long double>(one.duration.count()) / 1e9L;
    const long double from = one.rate_from_per_s;
    const long double to = one.rate_to_per_s;
    if (one.shape == Shape::constant || from == to) return from * seconds;
    if (one.shape == Shape::ramp || from == 0 || to == 0) {
        return from * seconds + (to - from) / length * seconds * seconds / 2;
    }
    const long double decay = std::log(from / to) / length;
    return from / decay * (1 - std::exp(-decay * seconds));
}

/// The same from the start of the profile.
long double area_until(const std::vector<Phase>& phases, std::int64_t at_ns) {
    long double area = 0;
    for (const Phase& one : phases) {
        const std::int64_t within = std::min<std::int64_t>(at_ns, one.duration.count());
        area += area_of(one, static_cast<long double>(within));
        at_ns -= within;
    }
    return area;
}

std::int64_t length_of(const std::vector<Phase>& phases) {
    std::int64_t length = 0;
    for (const Phase& one : phases) length += one.duration.count();
    return length;
}

struct Offered {
    std::vector<std::int64_t> due;
    std::vector<std::uint32_t> phase;
    std::vector<int> times;
};

/// What all workers together offer; checks on the way that none goes back in time.
Offered offer(const RateCurve& curve, scenario::Arrival arrival, std::uint32_t workers) {
    Offered offered;
    offered.due.resize(curve.total());
    offered.phase.resize(curve.total());
    offered.times.resize(curve.total());
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
        ArrivalSchedule schedule(curve, arrival, 42, worker, workers);
        std::int64_t last = 0;
        std::uint64_t expected = worker;
        while (const auto next = schedule.next()) {
            REQUIRE(next->n == expected);
            REQUIRE(next->due_ns >= last);
            expected += workers;
            last = next->due_ns;
            offered.due[next->n] = next->due_ns;
            offered.phase[next->n] = next->phase;
            ++offered.times[next->n];
        }
        REQUIRE_FALSE(schedule.next().has_value());
    }
    return offered;
}

}  // namespace

TEST_CASE("any profile under any striping: each request once, never early, the sum exact",
          "[loadgen][schedule]") {
    const auto seed = GENERATE(range(1U, 41U));
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::vector<Phase> phases = random_profile(random);
    const RateCurve curve(phases);
    const long double area = area_until(phases, length_of(phases));
    CHECK(std::fabs(static_cast<long double>(curve.total()) - std::ceil(area - 1e-6L)) < 0.5L);

    const auto workers = static_cast<std::uint32_t>(1 + random() % 9);
    const Offered offered = offer(curve, scenario::Arrival::uniform, workers);
    for (std::uint64_t n = 0; n < curve.total(); ++n) {
        CAPTURE(n, workers);
        REQUIRE(offered.times[n] == 1);
        REQUIRE(offered.due[n] == curve.due_ns(n));
        REQUIRE(offered.phase[n] == curve.phase_of(n));
        if (n > 0) REQUIRE(offered.due[n] >= offered.due[n - 1]);
        // Due as soon as the area has reached n, and not before: to a nanosecond, and to what
        // double arithmetic knows of the area.
        const long double slack = 1e-6L + 1e-12L * static_cast<long double>(n);
        REQUIRE(area_until(phases, offered.due[n] + 1) >= static_cast<long double>(n) - slack);
        REQUIRE(area_until(phases, offered.due[n] - 2) <= static_cast<long double>(n) + slack);
        REQUIRE(offered.due[n] >= curve.start_of_ns(offered.phase[n]));
        REQUIRE(offered.due[n] <= curve.end_of_ns(offered.phase[n]));
    }
}

TEST_CASE("Poisson arrivals keep the sum of every phase and every request once",
          "[loadgen][schedule]") {
    const auto seed = GENERATE(range(1U, 21U));
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const RateCurve curve(random_profile(random));
    const auto workers = static_cast<std::uint32_t>(1 + random() % 5);
    const Offered offered = offer(curve, scenario::Arrival::poisson, workers);
    for (std::uint64_t n = 0; n < curve.total(); ++n) {
        CAPTURE(n, workers);
        REQUIRE(offered.times[n] == 1);
        REQUIRE(offered.phase[n] == curve.phase_of(n));
        if (n > 0) REQUIRE(offered.due[n] >= offered.due[n - 1]);
        REQUIRE(offered.due[n] >= curve.start_of_ns(offered.phase[n]));
        REQUIRE(offered.due[n] <= curve.end_of_ns(offered.phase[n]));
    }
    // However the work is striped, the arrivals are the same.
    CHECK(offer(curve, scenario::Arrival::poisson, workers + 2).due == offered.due);
}

TEST_CASE("gaps of Poisson arrivals are exponential", "[loadgen][schedule]") {
    const std::vector<Phase> phases{phase(Shape::constant, 100'000, 100'000, 1s)};
    const RateCurve curve(phases);
    const Offered offered = offer(curve, scenario::Arrival::poisson, 1);
    double sum = 0;
    double squares = 0;
    std::uint64_t short_gaps = 0;
    for (std::uint64_t n = 1; n < curve.total(); ++n) {
        const auto gap = static_cast<double>(offered.due[n] - offered.due[n - 1]);
        sum += gap;
        squares += gap * gap;
        if (gap < 10'000 * std::log(2)) ++short_gaps;
    }
    const auto count = static_cast<double>(curve.total() - 1);
    const double mean = sum / count;
    const double deviation = std::sqrt(squares / count - mean * mean);
    CHECK(mean == Approx(10'000).epsilon(0.01));
    CHECK(deviation / mean == Approx(1).epsilon(0.03));
    CHECK(static_cast<double>(short_gaps) / count == Approx(0.5).epsilon(0.02));
}

TEST_CASE("a constant rate is due on the dot, for hours", "[loadgen][schedule]") {
    const std::vector<Phase> phases{phase(Shape::constant, 100, 100, 3h)};
    const RateCurve curve(phases);
    CHECK(curve.total() == 1'080'000);
    for (std::uint64_t n = 0; n < curve.total(); n += 997) {
        REQUIRE(curve.due_ns(n) == static_cast<std::int64_t>(n) * 10'000'000);
    }
}

TEST_CASE("the burst of the viral profile has the requests that it says", "[loadgen][schedule]") {
    const std::vector<Phase> phases{
        phase(Shape::constant, 10e6, 10e6, 10s), phase(Shape::constant, 1e6, 1e6, 30s),
        phase(Shape::constant, 1e5, 1e5, 5min), phase(Shape::constant, 1e3, 1e3, 1min)};
    const RateCurve curve(phases);
    CHECK(curve.count_of(0) == 100'000'000);
    CHECK(curve.count_of(1) == 30'000'000);
    CHECK(curve.count_of(2) == 30'000'000);
    CHECK(curve.count_of(3) == 60'000);
    CHECK(curve.due_ns(100'000'000) == 10'000'000'000);
    CHECK(curve.due_ns(curve.total() - 1) == 399'999'000'000);
}

TEST_CASE("how many are due by a time is the inverse of when they are due", "[loadgen][schedule]") {
    const auto seed = GENERATE(range(1U, 21U));
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::vector<Phase> phases = random_profile(random);
    const RateCurve curve(phases);
    for (int times = 0; times < 200; ++times) {
        const auto at = static_cast<std::int64_t>(
            random() % static_cast<std::uint64_t>(length_of(phases) + 1'000'000));
        const std::uint64_t due = curve.due_by(at);
        CAPTURE(at, due);
        if (due > 0) REQUIRE(curve.due_ns(due - 1) <= at);
        if (due < curve.total()) REQUIRE(curve.due_ns(due) > at);
    }
}

TEST_CASE("a phase of rate zero is a pause", "[loadgen][schedule]") {
    const std::vector<Phase> phases{phase(Shape::constant, 10, 10, 1s),
                                    phase(Shape::constant, 0, 0, 5s),
                                    phase(Shape::constant, 10, 10, 1s)};
    const RateCurve curve(phases);
    CHECK(curve.total() == 20);
    CHECK(curve.count_of(1) == 0);
    CHECK(curve.due_ns(9) == 900'000'000);
    CHECK(curve.due_ns(10) == 6'000'000'000);
    CHECK(curve.phase_of(10) == 2);
}

TEST_CASE("passing over many requests at once counts those that come one by one", "[schedule]") {
    std::mt19937_64 random(20261122);
    for (int times = 0; times < 200; ++times) {
        const std::vector<Phase> phases = random_profile(random);
        const RateCurve curve(phases);
        const auto arrival =
            times % 2 == 0 ? scenario::Arrival::uniform : scenario::Arrival::poisson;
        const std::uint32_t workers = 1 + random() % 3;
        const std::uint32_t worker = random() % workers;
        ArrivalSchedule one(curve, arrival, 7, worker, workers);
        ArrivalSchedule all(curve, arrival, 7, worker, workers);
        if (workers > 1) {
            // Taken over from another one, in the middle of it.
            const schedule::Stripe other =
                schedule::Stripe::of((worker + 1) % workers, workers).from(curve.total() / 2);
            one.add(other);
            all.add(other);
        }
        // As a worker has it: the next arrival has been taken already.
        one.next();
        all.next();
        auto next = one.next();
        for (std::int64_t end = 0; end <= curve.duration_ns() + 1;
             end += 1 + curve.duration_ns() / 5) {
            std::vector<std::uint64_t> expected(curve.phase_count());
            for (; next && next->due_ns < end; next = one.next()) ++expected[next->phase];
            std::vector<std::uint64_t> passed(curve.phase_count());
            for (const Passed& some : all.pass(end)) passed[some.phase] += some.count;
            CAPTURE(times, end);
            REQUIRE(passed == expected);
        }
        // And goes on from there.
        const auto after = all.next();
        REQUIRE(after.has_value() == next.has_value());
        if (after) CHECK(after->n == next->n);
    }
}
