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

TEST_CASE("of many stretches neighbours become one", "[loadgen][record]") {
    const auto stretches = made_stretches();
    CHECK(record::coarsened(stretches, 5).size() == 5);
    const auto coarse = record::coarsened(stretches, 2);
    REQUIRE(coarse.size() == 2);
    CHECK(coarse[0].length == 600ms);
    CHECK(coarse[0].stolen == 60ms);
    CHECK(coarse[0].others == 300ms);
    CHECK(coarse[1].begin == 600ms);
    CHECK(coarse[1].end() == 1s);
    CHECK(coarse[1].kept_waiting == 20ms);
    CHECK(record::coarsened({}, 2).empty());
}

TEST_CASE("of several processes the one that was kept from its CPUs tells, and they are no others",
          "[loadgen][record]") {
    const auto made = [](int count, std::chrono::milliseconds ours, auto others, auto waited) {
        std::vector<CpuStretch> stretches;
        for (int at = 0; at < count; ++at) {
            CpuStretch& stretch = stretches.emplace_back();
            stretch.begin = at * 100ms;
            stretch.length = 100ms;
            stretch.cpus = 2;
            stretch.ours = ours;
            stretch.others = others;
            stretch.kept_waiting = waited;
        }
        return stretches;
    };
    // Two of one machine, each of which sees the other, and one of another machine.
    const auto one = made(10, 10ms, 40ms, 5ms);
    const auto two = made(9, 30ms, 20ms, 25ms);
    const auto elsewhere = made(10, 50ms, 1ms, 6ms);
    const auto worst =
        record::worst_of({{"here", &one}, {"here", &two}, {"elsewhere", &elsewhere}});
    REQUIRE(worst.size() == 10);
    CHECK(worst[3].begin == 300ms);
    CHECK(worst[3].cpus == 2);
    CHECK(worst[3].kept_waiting == 25ms);
    CHECK(worst[3].others == 10ms);
    CHECK(worst[3].ours == 40ms);
    // When the second is no longer there.
    CHECK(worst[9].kept_waiting == 6ms);
    CHECK(worst[9].others == 1ms);
    CHECK(record::worst_of({}).empty());
}
