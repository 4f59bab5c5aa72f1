#include "loadgen/record/target_arrivals.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

/// A slot of 100 ms, and the idle time that ended in it.
record::ArrivalSlot slot(std::chrono::nanoseconds start, std::uint64_t requests,
                         std::chrono::nanoseconds idle, std::chrono::nanoseconds idle_end,
                         std::chrono::nanoseconds late = 0ns) {
    return {start, requests, idle, idle_end, late};
}

const record::TargetArrivals arrivals{
    100ms,
    {slot(-30ms, 7, 900ms, 5ms), slot(70ms, 20, 3ms, 90ms, 2ms), slot(170ms, 0, 60ms, 270ms, 40ms),
     slot(270ms, 5, 130ms, 340ms)}};

}  // namespace

TEST_CASE("arrivals within a part of the run are those of the slots that touch it",
          "[loadgen][record]") {
    const auto all = record::arrivals_within(arrivals, 0ns, 370ms);
    REQUIRE(all.has_value());
    CHECK(all->requests == 32);
    CHECK(all->late_max == 40ms);
    CHECK(record::arrivals_within(arrivals, 350ms, 360ms)->requests == 5);
}

TEST_CASE("of an idle time that reaches beyond a part of the run, what lies within counts",
          "[loadgen][record]") {
    const auto idle = [](auto from, auto to) {
        return record::arrivals_within(arrivals, from, to)->idle_max;
    };
    // What ended 5 ms after the run began was none of it before.
    CHECK(idle(0ns, 100ms) == 5ms);
    CHECK(idle(10ms, 60ms) == 0ns);
    CHECK(idle(0ns, 370ms) == 130ms);
    CHECK(record::arrivals_within(arrivals, 0ns, 370ms)->idle_end == 340ms);
    CHECK(idle(0ns, 230ms) == 20ms);
    CHECK(record::arrivals_within(arrivals, 0ns, 230ms)->idle_end == 230ms);
    CHECK(idle(300ms, 400ms) == 40ms);
    CHECK(idle(350ms, 400ms) == 0ns);
}

TEST_CASE("where a target's account does not reach, nothing is said", "[loadgen][record]") {
    CHECK_FALSE(record::arrivals_within(arrivals, -31ms, 100ms).has_value());
    CHECK(record::arrivals_within(arrivals, -30ms, 570ms).has_value());
    CHECK_FALSE(record::arrivals_within(arrivals, 0ns, 571ms).has_value());
    CHECK_FALSE(record::arrivals_within({100ms, {}}, 0ns, 1s).has_value());
}
