#include "loadgen/record/cpu_use.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using record::CpuStretch;

namespace {

/// Two CPUs, 200 ms each time; one loses 40 ms in the third.
std::vector<CpuStretch> made_stretches() {
    std::vector<CpuStretch> stretches;
    for (int at = 0; at < 5; ++at) {
        CpuStretch& stretch = stretches.emplace_back();
        stretch.begin = at * 200ms;
        stretch.length = 200ms;
        stretch.cpus = 2;
        stretch.others = 100ms;
    }
    stretches[2].stolen = 60ms;
    stretches[2].stolen_most = 40ms;
    stretches[3].stolen_most = 10ms;
    stretches[3].kept_waiting = 20ms;
    return stretches;
}

}  // namespace

TEST_CASE("shares of a part of the run count stretches by what they overlap", "[loadgen][record]") {
    const auto stretches = made_stretches();
    const auto all = record::shares_of(stretches, 0ns, 1s);
    CHECK(all.measured);
    CHECK(all.stolen == Approx(0.03));
    CHECK(all.others == Approx(0.25));
    CHECK(all.kept_waiting == Approx(0.02));
    CHECK(record::shares_of(stretches, 400ms, 600ms).stolen == Approx(0.15));
    CHECK(record::shares_of(stretches, 300ms, 500ms).stolen == Approx(0.075));
    CHECK(record::shares_of(stretches, 0ns, 400ms).stolen == 0);
    CHECK_FALSE(record::shares_of(stretches, 2s, 3s).measured);
    CHECK_FALSE(record::shares_of({}, 0ns, 1s).measured);
}

TEST_CASE("the most in a row is looked for in as many stretches as a standstill touches",
          "[loadgen][record]") {
    const auto stretches = made_stretches();
    const auto most = [&](auto from, auto to, auto span) {
        return record::most_within(stretches, from, to, span, &CpuStretch::stolen_most);
    };
    CHECK(most(0ms, 1s, 5ms) == 50ms);
    CHECK(most(400ms, 600ms, 0ms) == 40ms);
    CHECK(most(0ms, 200ms, 5ms) == 0ms);
    CHECK(most(0ms, 200ms, 300ms) == 40ms);
    CHECK(record::most_within({}, 0ns, 1s, 1s, &CpuStretch::stolen_most) == 0ns);
}
