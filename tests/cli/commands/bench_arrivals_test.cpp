#include "cli/commands/bench_arrivals.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

TEST_CASE("a target's account of arrivals is put on the run's own time", "[bench]") {
    // The target's clock is 500 ms ahead: it said 10'510 half way between 10'000 and 10'020.
    const auto read = commands::read_arrivals(
        R"({"now_ms": 10510, "slot_ms": 100, "slots": [[5400, 3, 2000, 5460, 10], [5500, 4, 0, 5500, 0]]})",
        10'000, 10'020, 5'000);
    REQUIRE(read.has_value());
    CHECK(read->slot == 100ms);
    REQUIRE(read->slots.size() == 2);
    CHECK(read->slots[0].start == -100ms);
    CHECK(read->slots[0].requests == 3);
    CHECK(read->slots[0].idle_max == 2ms);
    CHECK(read->slots[0].idle_end == -40ms);
    CHECK(read->slots[0].late_max == 10us);
    CHECK(read->slots[1].start == 0ms);
}

TEST_CASE("what is no account of arrivals is refused", "[bench]") {
    for (const char* const text :
         {"", "[]", "{}", R"({"now_ms": 1, "slot_ms": 100})",
          R"({"now_ms": 1, "slot_ms": 100, "slots": 3})",
          R"({"now_ms": 1, "slot_ms": 100, "slots": [[1, 2, 3, 4]]})",
          R"({"now_ms": 1, "slot_ms": 100, "slots": [[1, 2, 3, 4, "5"]]})",
          R"({"now_ms": 1, "slot_ms": 100, "slots": [[1, -2, 3, 4, 5]]})",
          R"({"now_ms": 1, "slot_ms": 100, "slots": [[1, 2, 1e3, 4, 5]]})",
          R"({"now_ms": 1, "slot_ms": 100, "slots": [[1, 2, 9223372036854775807, 4, 5]]})",
          R"({"now_ms": 1, "slot_ms": 100, "slots": [[2, 2, 3, 4, 5], [1, 2, 3, 4, 5]]})",
          R"({"now_ms": 1, "slot_ms": 0, "slots": []})",
          R"({"now_ms": 1, "slot_ms": 3600000, "slots": []})",
          R"({"now_ms": 18446744073709551615, "slot_ms": 100, "slots": []})",
          R"({"now_ms": "1", "slot_ms": 100, "slots": []})"}) {
        CAPTURE(text);
        CHECK_FALSE(commands::read_arrivals(text, 0, 0, 0).has_value());
    }
}
