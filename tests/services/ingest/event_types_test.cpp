#include "services/ingest/event_types.hpp"

#include "tests/support/catch.hpp"

using namespace qck;

TEST_CASE("an hour has so many event types, and the next one as many again", "[ingest]") {
    constexpr std::int64_t hour_ms = 3'600'000;
    ingest::EventTypes types(2);
    CHECK(types.admit("sale", 0));
    CHECK(types.admit("view", 1));
    CHECK_FALSE(types.admit("refund", hour_ms - 1));
    CHECK(types.admit("sale", hour_ms - 1));
    CHECK(types.admit("refund", hour_ms));
    CHECK(types.admit("sale", hour_ms));
    CHECK_FALSE(types.admit("view", hour_ms));
}
