#include "services/clicks/burst_detector.hpp"

#include <chrono>

#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::clicks;

namespace {

constexpr std::int64_t ms = 1'000'000;

/// Rounds of 100 ms in which one link is clicked at a rate.
struct Burst {
    explicit Burst(const BurstThresholds& thresholds = {}) : detector(thresholds) {}

    std::vector<BurstDetector::Change> at(std::uint64_t per_s, int rounds, std::uint64_t link = 7) {
        std::vector<BurstDetector::Change> all;
        for (int n = 0; n < rounds; ++n) {
            now += 100 * ms;
            const BurstDetector::LinkClicks count{link, per_s / 10};
            const auto changes = detector.round({&count, 1}, now);
            all.insert(all.end(), changes.begin(), changes.end());
        }
        return all;
    }
    LinkMode mode() const {
        const auto all = detector.standings();
        return all.empty() ? LinkMode::normal : all.front().mode;
    }

    BurstDetector detector;
    std::int64_t now = 1'000 * ms;
};

}  // namespace

TEST_CASE("1,000 clicks a second are normal, more are elevated, 10,000 not yet a burst",
          "[clicks][modes]") {
    Burst burst;
    CHECK(burst.at(1'000, 50).empty());
    const auto up = burst.at(1'010, 20);
    REQUIRE(up.size() == 1);
    CHECK(up[0].from == LinkMode::normal);
    CHECK(up[0].to == LinkMode::elevated);
    CHECK(up[0].rate_per_s > 1'000);
    CHECK(burst.at(10'000, 50).empty());
    CHECK(burst.mode() == LinkMode::elevated);
    REQUIRE(burst.at(10'020, 20).size() == 1);
    CHECK(burst.mode() == LinkMode::burst);
}

TEST_CASE("a sudden burst is known within a round of passing the threshold", "[clicks][modes]") {
    Burst burst;
    const auto up = burst.at(200'000, 1);
    REQUIRE(up.size() == 1);
    CHECK(up[0].to == LinkMode::burst);
}

TEST_CASE("a mode is left after ten seconds below half its threshold, and not before",
          "[clicks][modes]") {
    Burst burst;
    burst.at(20'000, 20);
    CHECK(burst.at(5'100, 300).empty());  // above half: for ever
    CHECK(burst.mode() == LinkMode::burst);
    CHECK(burst.at(4'000, 95).empty());
    burst.at(6'000, 5);  // the ten seconds begin again
    CHECK(burst.at(4'000, 95).empty());
    const auto down = burst.at(4'000, 20);
    REQUIRE(down.size() == 1);
    CHECK(down[0].to == LinkMode::elevated);
    CHECK(burst.at(400, 95).empty());
    const auto out = burst.at(400, 20);
    REQUIRE(out.size() == 1);
    CHECK(out[0].to == LinkMode::normal);
}

TEST_CASE("a burst that stops at once is over, and forgotten, eleven seconds later",
          "[clicks][modes]") {
    Burst burst;
    burst.at(20'000, 20);
    CHECK(burst.at(0, 100).empty());
    const auto down = burst.at(0, 12);
    REQUIRE(!down.empty());
    CHECK(down.front().from == LinkMode::burst);
    CHECK(down.back().to == LinkMode::normal);
    CHECK(burst.detector.followed() == 0);
}

TEST_CASE("a mode that was set stays whatever the rate, until auto", "[clicks][modes]") {
    Burst burst;
    const auto set = burst.detector.force(7, LinkMode::burst, burst.now);
    REQUIRE(set.size() == 1);
    CHECK(set[0].forced);
    CHECK(burst.at(0, 300).empty());
    REQUIRE(burst.detector.standings().size() == 1);
    CHECK(burst.detector.standings()[0].forced);
    CHECK(burst.detector.force(7, LinkMode::normal, burst.now).size() == 1);
    CHECK(burst.at(50'000, 20).empty());
    CHECK(burst.mode() == LinkMode::normal);
    const auto released = burst.detector.force(7, std::nullopt, burst.now);
    REQUIRE(released.size() == 1);
    CHECK(released[0].to == LinkMode::burst);
    burst.at(0, 200);
    CHECK(burst.detector.standings().empty());
    CHECK(burst.detector.force(8, std::nullopt, burst.now).empty());
}

TEST_CASE("a hundred thousand links clicked now and then are not followed", "[clicks][modes]") {
    BurstDetector detector({});
    std::vector<BurstDetector::LinkClicks> counts;
    for (std::uint64_t link = 1; link <= 100'000; ++link) counts.push_back({link, link % 10});
    std::int64_t now = 0;
    for (int n = 0; n < 20; ++n) {
        now += 100 * ms;
        CHECK(detector.round(counts, now).empty());
    }
    CHECK(detector.followed() == 0);
}

TEST_CASE("with more links than are followed the fastest are", "[clicks][modes]") {
    BurstDetector detector({});
    std::vector<BurstDetector::LinkClicks> counts;
    for (std::uint64_t link = 1; link <= 3 * BurstDetector::links_max; ++link) {
        counts.push_back({link, 60});
    }
    counts.push_back({1'000'000, 5'000});
    const auto changes = detector.round(counts, ms);
    CHECK(detector.followed() == BurstDetector::links_max);
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].link_id == 1'000'000);
}

TEST_CASE("modes have names", "[clicks][modes]") {
    CHECK(*parse_link_mode("burst") == LinkMode::burst);
    CHECK_FALSE(*parse_link_mode("auto"));
    CHECK(parse_link_mode("bursty").error().message ==
          "'bursty' is not a mode (normal, elevated, burst or auto)");
}
