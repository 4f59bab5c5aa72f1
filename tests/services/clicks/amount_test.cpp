#include "services/clicks/amount.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace qck::clicks;

TEST_CASE("an amount is read to the millionth, and exactly", "[clicks][amount]") {
    const std::pair<const char*, std::int64_t> good[] = {
        {"0", 0},
        {"-0", 0},
        {"-0.0e9", 0},
        {"12", 12'000'000},
        {"19.99", 19'990'000},
        {"-0.000001", -1},
        {"0.1", 100'000},
        {"1.0000000000", 1'000'000},
        {"1.5e3", 1'500'000'000},
        {"1500E-3", 1'500'000},
        {"1000000000", 1'000'000'000'000'000},
        {"-1000000000.000000", -1'000'000'000'000'000},
        {"999999999.999999", 999'999'999'999'999},
        {"0e99999", 0},
    };
    for (const auto& [text, micros] : good) {
        CAPTURE(text);
        const auto amount = parse_amount(text);
        REQUIRE(amount.has_value());
        CHECK(*amount == micros);
    }
}

TEST_CASE("an amount that would have to be rounded or is out of bounds is refused",
          "[clicks][amount]") {
    for (const char* wrong : {"0.0000001", "1.1234567", "1000000000.000001", "1000000001",
                              "-1000000001", "1e10", "99999999999999999999", "1e99999", "1e-7",
                              "0.00000000000000000000000000001", "123456789012345.1"}) {
        CAPTURE(wrong);
        CHECK(parse_amount(wrong).has_error());
    }
    CHECK(parse_amount("1.1234567").error().message ==
          "\"1.1234567\" is not an amount: expected at most 6 decimal places");
}

TEST_CASE("what JSON does not call a number is no amount", "[clicks][amount]") {
    for (const char* wrong : {"", "-", "+1", "01", ".5", "1.", "1.e2", "1e", "1e+", "0x10", "NaN",
                              "Infinity", "1 ", " 1", "1_0", "1,5", "--1", "1.5x", "1e5.0"}) {
        CAPTURE(wrong);
        CHECK(parse_amount(wrong).has_error());
    }
}

TEST_CASE("amounts print as they would be written", "[clicks][amount]") {
    CHECK(format_amount({0, 0}) == "0");
    CHECK(format_amount({19, 990'000}) == "19.99");
    CHECK(format_amount({0, -500'000}) == "-0.5");
    CHECK(format_amount({-3, 250'000}) == "-2.75");
    CHECK(format_amount({3, -250'000}) == "2.75");
    CHECK(format_amount({1, 2'000'001}) == "3.000001");
    CHECK(format_amount({9'000'000'000'000, 1}) == "9000000000000.000001");
}

TEST_CASE("an average is rounded to the millionth, halves away from zero", "[clicks][amount]") {
    CHECK(format_amount(average_of({10, 0}, 4)) == "2.5");
    CHECK(format_amount(average_of({1, 0}, 3)) == "0.333333");
    CHECK(format_amount(average_of({2, 0}, 3)) == "0.666667");
    CHECK(format_amount(average_of({-2, 0}, 3)) == "-0.666667");
    CHECK(format_amount(average_of({0, -1}, 2)) == "-0.000001");
    CHECK(format_amount(average_of({9'000'000'000'000'000, 0}, 9'000'000)) == "1000000000");
}
