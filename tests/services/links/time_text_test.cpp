#include "services/links/time_text.hpp"

#include <random>

#include "tests/support/catch.hpp"

using namespace qck::links;
using qck::test::contains;

TEST_CASE("RFC 3339 times are read with their offset", "[links][time]") {
    struct Row {
        const char* text;
        std::int64_t time_ms;
    };
    const auto row = GENERATE(values<Row>({
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01.25Z", 1250},
        {"1970-01-01T01:00:00+01:00", 0},
        {"2026-12-31T23:59:59Z", 1'798'761'599'000},
        {"2026-12-31t23:59:59z", 1'798'761'599'000},
        {"2027-01-01T01:59:59+02:00", 1'798'761'599'000},
        {"2026-12-31T18:29:59-05:30", 1'798'761'599'000},
        {"2024-02-29T00:00:00.1239Z", 1'709'164'800'123},
        {"9999-12-31T23:59:59.999Z", 253'402'300'799'999},
    }));
    CAPTURE(row.text);
    const auto parsed = parse_time(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.time_ms);
}

TEST_CASE("what is no RFC 3339 time is refused", "[links][time]") {
    const auto text =
        GENERATE(as<std::string>{}, "", "tomorrow", "2026-12-31", "2026-12-31T23:59:59",
                 "2026-12-31 23:59:59Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
                 "2026-02-29T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
                 "2026-01-01T00:60:00Z", "2026-12-31T23:59:60Z", "2026-1-1T0:0:0Z",
                 "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0200", "2026-01-01T00:00:00.Z",
                 "2026-01-01T00:00:00Zx", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01",
                 "+026-01-01T00:00:00Z", "2026-01-01T00:00:0 Z", "1767225600");
    CAPTURE(text);
    const auto parsed = parse_time(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(contains(parsed.error().message, "RFC 3339"));
}

TEST_CASE("a written time is read back the same", "[links][time]") {
    const auto seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<std::int64_t> any(0, 253'402'300'799'999);
    for (int i = 0; i < 10'000; ++i) {
        const auto time_ms = i % 2 == 0 ? any(random) : any(random) / 1000 * 1000;
        const auto text = format_time(time_ms);
        CAPTURE(text);
        const auto parsed = parse_time(text);
        REQUIRE(parsed.has_value());
        REQUIRE(*parsed == time_ms);
    }
    CHECK(format_time(1'798'761'599'000) == "2026-12-31T23:59:59Z");
    CHECK(format_time(1'798'761'599'050) == "2026-12-31T23:59:59.050Z");
}

TEST_CASE("a time is written in full, zeros and the year 10000 included", "[links][time]") {
    CHECK(format_time(0) == "1970-01-01T00:00:00Z");
    CHECK(format_time(1) == "1970-01-01T00:00:00.001Z");
    CHECK(format_time(1'709'164'805'070) == "2024-02-29T00:00:05.070Z");
    CHECK(format_time(253'402'300'800'000) == "10000-01-01T00:00:00Z");
    std::string text = "at ";
    append_time(text, 1'250);
    CHECK(text == "at 1970-01-01T00:00:01.250Z");
}
