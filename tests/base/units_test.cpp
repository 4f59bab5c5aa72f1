#include "base/units.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

TEST_CASE("rates read as people write them", "[base][units]") {
    CHECK(*parse_rate("10M") == 10e6);
    CHECK(*parse_rate("250k") == 250e3);
    CHECK(*parse_rate("1.5k") == 1500);
    CHECK(*parse_rate("100") == 100);
}

TEST_CASE("what is not a rate is refused with an example", "[base][units]") {
    for (const char* wrong :
         {"10MM", "", "0", "-5", "k", "1e9", "1 k", "0x10", "+5", "2T", "nan", "inf", "1.2.3"}) {
        CAPTURE(wrong);
        const auto rate = parse_rate(wrong);
        REQUIRE(rate.has_error());
        CHECK(rate.error().message ==
              "'" + std::string(wrong) + "' is not a rate (try 10M, 250k or 1500)");
    }
}

TEST_CASE("times read with their unit and not without", "[base][units]") {
    CHECK(*parse_duration("500ms") == 500ms);
    CHECK(*parse_duration("1.5m") == 90s);
    CHECK(*parse_duration("250us") == 250us);
    for (const char* wrong : {"10", "5 s", "s", "-1s", "9999999d"})
        CHECK(parse_duration(wrong).has_error());
}

TEST_CASE("figures print short", "[base][units]") {
    CHECK(format_rate(156250) == "156.2k");
    CHECK(format_count(250156) == "250,156");
    CHECK(format_count(12) == "12");
    CHECK(format_duration(41us) == "41 µs");
    CHECK(format_duration(480us) == "0.48 ms");
    CHECK(format_duration(999'700us) == "1 s");
    CHECK(format_duration(999ms) == "999 ms");
    CHECK(format_duration(150s) == "2m30s");
    CHECK(*parse_bytes("8GB") == std::uint64_t{8} << 30);
}
