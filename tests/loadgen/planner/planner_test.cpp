#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "loadgen/planner/burst_plan.hpp"
#include "loadgen/planner/plan_json.hpp"
#include "loadgen/planner/stages.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::planner;

namespace {

/// The value of a figure; fails the test when it is not there.
double value_of(const std::vector<Figure>& figures, const char* group, const char* name) {
    const Figure* const figure = find_figure(figures, group, name);
    INFO(group << ": " << name);
    REQUIRE(figure != nullptr);
    return figure->value;
}

bool near(double value, double expected) {
    return std::abs(value - expected) <= 1e-9 * std::max(1.0, std::abs(expected));
}

}  // namespace

TEST_CASE("ten million clicks a second need what the document says they need",
          "[loadgen][planner][V14]") {
    const auto figures = plan_burst(10e6, Assumptions());
    // 10M x 10 s + 1M x 30 s + 100k x 300 s
    CHECK(near(value_of(figures, "burst", "clicks"), 160e6));
    CHECK(near(value_of(figures, "burst", "length"), 340));
    // 20 backends of 500k each; 5 ClickHouse nodes of 2M each; Redis by its limit of 1M a node
    CHECK(value_of(figures, "redirect", "instances") == 20);
    CHECK(value_of(figures, "clickhouse", "nodes at the pace of the clicks") == 5);
    CHECK(value_of(figures, "redis", "masters") == 10);
    CHECK(value_of(figures, "redis", "nodes") == 20);
    // (10M - 2M) x 10 s = 80M wait at the end of the peak, and fewer from then on
    CHECK(near(value_of(figures, "clickhouse", "one node behind by"), 40));
    CHECK(near(value_of(figures, "postgres", "updates, batched"), 0.1));
    CHECK(find_figure(figures, "postgres", "updates, one a click")->note.find("over its limit") ==
          0);
}

TEST_CASE("one node is behind the most where the burst falls below what it takes",
          "[loadgen][planner]") {
    const auto behind_s = [](double peak_per_s, const Assumptions& given) {
        return value_of(plan_burst(peak_per_s, given), "clickhouse", "one node behind by");
    };
    Assumptions slow;
    REQUIRE(slow.set(Given::clickhouse_rows_per_node, 500e3, "given").has_value());
    // (10M - 500k) x 10 s + (1M - 500k) x 30 s = 110M, then 100k/s come in
    CHECK(near(behind_s(10e6, slow), 220));
    CHECK(behind_s(500e3, slow) == 0);
}

TEST_CASE("the generator of a burst is sized by its cores, its network and its ports",
          "[loadgen][planner][B6]") {
    const auto figures = plan_burst(10e6, Assumptions());
    // 10M / (125k x 0.45) = 177.8; 178 / 8 = 22.3
    CHECK(value_of(figures, "generator", "cores") == 178);
    CHECK(value_of(figures, "generator", "agents") == 23);
    // 10M x 147 x 8 and 10M x 224 x 8
    CHECK(near(value_of(figures, "generator", "sent"), 11.76));
    CHECK(near(value_of(figures, "generator", "received"), 17.92));
    CHECK(near(value_of(figures, "generator", "packets"), 10e6));
    // 10M x 5 ms; then 10M / 100 connections a second, each held for the 10 s of the peak
    CHECK(value_of(figures, "generator", "connections open") == 50'000);
    CHECK(value_of(figures, "generator", "ports held") == 1'050'000);
    // 1,050,000 / 28,232 = 37.2
    CHECK(value_of(figures, "generator", "source addresses") == 38);

    Assumptions slow_network;
    REQUIRE(slow_network.set(Given::agent_gigabits, 0.5, "given").has_value());
    const auto by_network = plan_burst(10e6, slow_network);
    CHECK(value_of(by_network, "generator", "agents") == 36);
    CHECK(find_figure(by_network, "generator", "agents")->note == "the network decides");
}

TEST_CASE("disk and money of a burst are computed item by item", "[loadgen][planner][V14]") {
    const auto figures = plan_burst(10e6, Assumptions());
    CHECK(near(value_of(figures, "disk", "journal"), 7.68));                      // 160M x 48
    CHECK(near(value_of(figures, "disk", "journal, written at the peak"), 480));  // 10M x 48
    CHECK(near(value_of(figures, "disk", "ClickHouse"), 3.2));                    // 160M x 200 / 10
    // 160 million at $50, $5, $20 and $100 for 150 million
    CHECK(near(value_of(figures, "money", "CDN"), 160 * 50.0 / 150));
    CHECK(near(value_of(figures, "money", "Redis"), 160 * 5.0 / 150));
    CHECK(near(value_of(figures, "money", "ClickHouse"), 160 * 20.0 / 150));
    CHECK(near(value_of(figures, "money", "bandwidth"), 160 * 100.0 / 150));
    CHECK(near(value_of(figures, "money", "in all"), 160 * 175.0 / 150));
    CHECK(near(value_of(figures, "money", "answered at the edge instead"), 80));
}

TEST_CASE("the document's own 150M clicks cost its own $175", "[loadgen][planner][V14]") {
    Assumptions given;
    // 150M = 10M x 10 s + 1M x 20 s + 100k x 300 s
    REQUIRE(given.set(Given::stragglers_s, 20, "given").has_value());
    const auto figures = plan_burst(10e6, given);
    CHECK(near(value_of(figures, "burst", "clicks"), 150e6));
    CHECK(near(value_of(figures, "money", "CDN"), 50));
    CHECK(near(value_of(figures, "money", "Redis"), 5));
    CHECK(near(value_of(figures, "money", "ClickHouse"), 20));
    CHECK(near(value_of(figures, "money", "bandwidth"), 100));
    CHECK(near(value_of(figures, "money", "in all"), 175));
}

TEST_CASE("a burst that one machine of each kind stands needs no more", "[loadgen][planner]") {
    const auto figures = plan_burst(1'000, Assumptions());
    CHECK(value_of(figures, "generator", "cores") == 1);
    CHECK(value_of(figures, "generator", "agents") == 1);
    CHECK(value_of(figures, "generator", "source addresses") == 1);
    CHECK(value_of(figures, "redirect", "instances") == 1);
    CHECK(value_of(figures, "redis", "masters") == 1);
    CHECK(find_figure(figures, "postgres", "updates, one a click")->note.empty());
    // What divides without a rest needs nothing for the dust of the division.
    Assumptions given;
    REQUIRE(given.set(Given::generator_rate_per_core, 100e3, "given").has_value());
    REQUIRE(given.set(Given::generator_share, 0.3, "given").has_value());
    CHECK(value_of(plan_burst(90e3, given), "generator", "cores") == 3);
}

TEST_CASE("every assumption has a flag, a unit and a source of its own, and a range",
          "[loadgen][planner]") {
    Assumptions given;
    std::set<std::string_view> flags;
    std::size_t at = 0;
    for (const Assumption& one : given.all()) {
        CAPTURE(one.flag);
        CHECK(static_cast<std::size_t>(one.id) == at++);
        CHECK(flags.insert(one.flag).second);
        CHECK_FALSE(one.source.empty());
        CHECK_FALSE(one.unit.empty());
        CHECK_FALSE(one.what.empty());
        CHECK(one.value >= one.least);
        CHECK(one.value <= one.most);
    }
    REQUIRE(given.set(Given::redis_ops_per_node, 280e3, "measured").has_value());
    CHECK(given.at(Given::redis_ops_per_node).source == "measured");
    const auto refused = given.set(Given::generator_share, 1.5, "given");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message == "'1.5' is not from 0.01 to 1 (of that)");
    CHECK_FALSE(given.set(Given::peak_s, std::nan(""), "given").has_value());
    CHECK(given.of(Given::generator_share) == 0.45);
}

TEST_CASE("every figure says how it was computed, and from which assumptions",
          "[loadgen][planner]") {
    const Assumptions given;
    const auto figures = plan_burst(2.5e6, given);
    for (const Figure& figure : figures) {
        CAPTURE(figure.group, figure.name);
        CHECK_FALSE(figure.how.empty());
        CHECK_FALSE(figure.unit.empty());
        CHECK(std::isfinite(figure.value));
    }
    const auto json = nlohmann::json::parse(to_json(2.5e6, figures, given));
    CHECK(json["figures"].size() == figures.size());
    CHECK(json["assumptions"].size() == given_count);
    CHECK(json["figures"][2]["from"][0] == "generator-rate");
}

TEST_CASE("the stages cost what their items add up to", "[loadgen][planner][L5]") {
    const double totals[] = {100, 500, 3'000, 10'600, 74'500};
    REQUIRE(redirect_stages().size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
        const Stage& stage = redirect_stages()[i];
        CAPTURE(stage.name);
        CHECK(sum_of(stage) == totals[i]);
        CHECK(stage.dollars_a_month == totals[i]);
    }
    // The events' document prices its scales whole.
    for (const Stage& stage : event_stages()) CHECK(sum_of(stage) == 0);
}

TEST_CASE("a number of redirects a day belongs to the first stage that serves it",
          "[loadgen][planner][L5]") {
    const auto name = [](double per_day) {
        const Stage* const stage = stage_for(redirect_stages(), per_day);
        return stage == nullptr ? std::string_view() : stage->name;
    };
    CHECK(name(1) == "Startup");
    CHECK(name(10e3) == "Startup");
    CHECK(name(10'001) == "Growth");
    CHECK(name(1e6) == "Scale");
    CHECK(name(10e6) == "Enterprise");
    CHECK(name(100e6) == "Hyperscale");
    CHECK(name(100e6 + 1).empty());
    CHECK(stage_for(event_stages(), 2e9)->name == "Large");
}
