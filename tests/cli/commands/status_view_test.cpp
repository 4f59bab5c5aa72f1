#include "cli/commands/status_view.hpp"
#include "base/clock.hpp"

#include "cli/commands/cache_request.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::commands;
using Json = nlohmann::ordered_json;

namespace {

Json instance(std::uint64_t redirects, std::uint64_t delivered, std::uint64_t failures) {
    return Json::parse(R"({"uptime_s": 100, "redirects": )" + std::to_string(redirects) +
                       R"(, "unavailable": 0, "cache": {"hits": )" + std::to_string(redirects) +
                       R"(, "misses": 0, "entries": 5, "bytes": 500},
        "latency_us": {"bounds": [100, 1000], "counts": [)" +
                       std::to_string(redirects) + R"(, 0, 0]},
        "modes": [{"code": "viral", "mode": "elevated", "clicks_per_s": 1000}],
        "stores": [{"store": "redis", "away": false, "lag_s": 0.5, "pending": 1, "delivered": )" +
                       std::to_string(delivered) + R"(, "failures": )" + std::to_string(failures) +
                       R"(}], "journal": {"bytes": 1000, "lag_s": 0.25}})");
}

StatusReading reading(Json status, std::int64_t at_ns = 0) {
    StatusReading made;
    made.status = std::move(status);
    made.at_ns = at_ns;
    return made;
}
StatusReading silent() {
    StatusReading made;
    made.failure = "no";
    return made;
}

}  // namespace

TEST_CASE("two readings of two instances become one view", "[status][V12]") {
    const auto view = status_view(
        {reading(instance(100, 10, 0)), reading(instance(0, 0, 0))},
        {reading(instance(300, 30, 0), 2 * second_ns), reading(instance(50, 5, 0), second_ns)});
    CHECK(view.up() == 2);
    CHECK(view.redirects_per_s == Approx(150));
    CHECK(*view.p99_us == Approx(99));
    CHECK(view.cache_entries == 10);
    CHECK(view.levels->l1 == Approx(1));
    REQUIRE(view.modes.size() == 1);
    CHECK(view.modes[0].clicks_per_s == Approx(2000));
    REQUIRE(view.stores.size() == 1);
    CHECK(view.stores[0].delivered_per_s == Approx(15));
    CHECK(view.stores[0].pending == 2);
    CHECK(view.stores[0].lag_s == Approx(0.5));
    CHECK_FALSE(view.stores[0].away);
    CHECK(view.journal_bytes == 2000);
}

TEST_CASE("a store of which every try failed lately is away", "[status][V12]") {
    const auto of = [](std::uint64_t delivered, std::uint64_t failures) {
        return status_view({reading(instance(0, 10, 3))},
                           {reading(instance(0, delivered, failures), second_ns)})
            .stores[0]
            .away;
    };
    CHECK(of(10, 4));
    CHECK_FALSE(of(11, 4));
    CHECK_FALSE(of(10, 3));
}

TEST_CASE("a store that lost a node to one instance is degraded, and away is worse",
          "[status][V12]") {
    const auto with = [](const char* state) {
        auto status = instance(0, 10, 3);
        auto& store = status["stores"][0];
        store["state"] = state;
        store["away"] = std::string(state) == "away";
        store["why"] = std::string("it is ") + state;
        return reading(status, second_ns);
    };
    const auto of = [](const StatusReading& a, const StatusReading& b) {
        return status_view({}, {a, b}).stores[0];
    };
    const auto degraded = of(with("ok"), with("degraded"));
    CHECK(degraded.degraded);
    CHECK_FALSE(degraded.away);
    CHECK(degraded.why == "it is degraded");
    for (const auto& worst :
         {of(with("away"), with("degraded")), of(with("degraded"), with("away"))}) {
        CHECK(worst.away);
        CHECK(worst.why == "it is away");
    }
}

TEST_CASE("a service that began anew, or answers only now, gives no wild rates", "[status][V12]") {
    CHECK(status_view({reading(instance(1000, 0, 0))}, {reading(instance(20, 0, 0), second_ns)})
              .redirects_per_s == Approx(20));
    const auto late = status_view({silent()}, {reading(instance(1000, 0, 0), second_ns)});
    CHECK(late.up() == 1);
    CHECK(late.redirects_per_s == 0);
    CHECK_FALSE(late.p99_us.has_value());
    CHECK(status_view({}, {silent()}).up() == 0);
    CHECK(status_view({reading(Json::object())}, {reading(Json::object(), 1)}).up() == 1);
}

TEST_CASE("a percentile is taken within its bucket", "[status]") {
    const std::vector<double> bounds{100, 200};
    const auto of = [&](std::vector<std::uint64_t> counts, double share) {
        return percentile_us(bounds, counts, share);
    };
    CHECK_FALSE(of({0, 0, 0}, 0.99).has_value());
    CHECK(*of({50, 50, 0}, 0.5) == Approx(100));
    CHECK(*of({50, 50, 0}, 0.75) == Approx(150));
    CHECK(*of({0, 0, 9}, 0.99) == Approx(200));
}

TEST_CASE("codes of a cache request are checked one by one", "[cache]") {
    const auto complaint = [](const std::string& body) {
        const auto codes = cache_codes_from_json(body);
        return codes ? std::string() : codes.error().message;
    };
    CHECK(cache_codes_from_json(R"({"codes":["a","b","a"]})")->size() == 2);
    CHECK(complaint(R"({"codes":["a",7]})") == "codes[1]: expected a text");
    CHECK(complaint(R"({"codes":["a","b/c"]})").find("codes[1]: ") == 0);
    CHECK(complaint(R"({"codes":[]})").find("expected 1 to 1000 codes") == 0);
    Json many;
    many["codes"] = std::vector<std::string>(1001, "a");
    CHECK(complaint(many.dump()) == "expected 1 to 1000 codes, got 1001");
    for (const char* const body :
         {"", "[]", "{}", R"({"codes":"a"})", R"({"codes":["a"],"x":1})"}) {
        CHECK_FALSE(complaint(body).empty());
    }
}

TEST_CASE("the query for the most clicked links is checked by name", "[cache]") {
    CHECK(read_top_query("")->links_max == 100);
    CHECK(read_top_query("n=5&span=24h")->hours == 24);
    for (const char* const query : {"n=0", "n=100001", "n=x", "n=", "span=2h", "m=1", "n=5x"}) {
        CHECK_FALSE(read_top_query(query).has_value());
    }
}
