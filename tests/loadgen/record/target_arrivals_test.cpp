#include "loadgen/record/target_arrivals.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

TEST_CASE("arrivals within a part of the run are those of the slots that touch it",
          "[loadgen][record]") {
    record::TargetArrivals arrivals{100ms, {}};
    arrivals.slots = {{-100ms, 7, 900ms, 0ns},
                      {0ms, 10, 1s, 0ns},
                      {100ms, 20, 3ms, 2ms},
                      {200ms, 0, 60ms, 40ms},
                      {300ms, 5, 110ms, 0ns}};
    const auto all = record::arrivals_within(arrivals, 0ns, 400ms);
    CHECK(all.requests == 35);
    CHECK(all.late_max == 40ms);
    // Of an idle time that began before, what lies within.
    CHECK(all.idle_max == 110ms);
    CHECK(record::arrivals_within(arrivals, 50ms, 100ms).idle_max == 50ms);
    CHECK(record::arrivals_within(arrivals, 200ms, 300ms).idle_max == 60ms);
    CHECK(record::arrivals_within(arrivals, 350ms, 360ms).requests == 5);
    CHECK(record::arrivals_within(arrivals, 400ms, 1s).requests == 0);
}
