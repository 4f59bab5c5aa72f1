#include "services/redirect/arrival_log.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using redirect::ArrivalLog;
using redirect::ArrivalSlot;

namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t begin = 5'000'000 * ms;  // a round number of slots

/// A request each millisecond of [from, to), and a tick each 20 ms.
void arrive(ArrivalLog& log, std::int64_t from_ms, std::int64_t to_ms) {
    for (std::int64_t at = from_ms; at < to_ms; ++at) {
        log.arrived(begin + at * ms, [] { return false; });
        if (at % 20 == 0) log.tick(begin + at * ms, 20ms, false);
    }
}

void stand_idle(ArrivalLog& log, std::int64_t from_ms, std::int64_t to_ms, bool owed = false) {
    for (std::int64_t at = from_ms; at < to_ms; at += 20) log.tick(begin + at * ms, 20ms, owed);
}

std::vector<ArrivalSlot> slots(const ArrivalLog& log, std::int64_t until_ms) {
    return log.slots_since(begin, begin + until_ms * ms);
}

}  // namespace

TEST_CASE("arrivals are counted by slot, and a slot still written is not told", "[redirect]") {
    ArrivalLog log;
    CHECK(slots(log, 500).empty());
    arrive(log, 0, 250);
    const auto found = slots(log, 250);
    REQUIRE(found.size() == 2);
    CHECK(found[0].start_ns == begin);
    CHECK(found[1].start_ns == begin + 100 * ms);
    for (const ArrivalSlot& slot : found) {
        CHECK(slot.requests == 100);
        CHECK(slot.idle_max_ns == 1 * ms);
        CHECK(slot.late_max_ns == 0);
    }
    // Several of one batch are no gap between them.
    log.arrived(begin + 250 * ms, [] { return false; });
    log.arrived(begin + 250 * ms, [] { return false; });
    CHECK(slots(log, 300).back().requests == 52);
}

TEST_CASE("an idle time grows from slot to slot until a request ends it", "[redirect]") {
    ArrivalLog log;
    arrive(log, 0, 81);
    stand_idle(log, 100, 400);
    arrive(log, 400, 500);
    const auto found = slots(log, 500);
    REQUIRE(found.size() == 5);
    CHECK(found[0].idle_max_ns == 1 * ms);
    CHECK(found[1].idle_max_ns == (180 - 80) * ms);
    CHECK(found[3].idle_max_ns == (380 - 80) * ms);
    CHECK(found[4].idle_max_ns == (400 - 80) * ms);
    CHECK(found[1].idle_end_ns == begin + 180 * ms);
    CHECK(found[4].idle_end_ns == begin + 400 * ms);
}

TEST_CASE("time in which a request waits for a store is not idle", "[redirect]") {
    ArrivalLog log;
    arrive(log, 0, 81);
    stand_idle(log, 100, 300, true);
    log.arrived(begin + 301 * ms, [] { return false; });
    log.arrived(begin + 380 * ms, [] { return true; });
    stand_idle(log, 400, 500);
    const auto found = slots(log, 500);
    REQUIRE(found.size() == 5);
    CHECK(found[1].idle_max_ns == 0);
    CHECK(found[3].idle_max_ns == 21 * ms);  // since the tick that found one waiting
}

TEST_CASE("a reactor that does not come to its timer was late", "[redirect]") {
    ArrivalLog log;
    arrive(log, 0, 81);
    log.arrived(begin + 430 * ms, [] { return false; });
    log.tick(begin + 431 * ms, 20ms, false);
    const auto found = slots(log, 500);
    REQUIRE(found.size() == 2);  // it was in no other
    CHECK(found[1].start_ns == begin + 400 * ms);
    CHECK(found[1].idle_max_ns == 350 * ms);
    CHECK(found[1].late_max_ns == (431 - 80 - 20) * ms);
}

TEST_CASE("what is as old as the log is long is forgotten", "[redirect]") {
    ArrivalLog log;
    arrive(log, 0, 100);
    const std::int64_t later = 100 * static_cast<std::int64_t>(ArrivalLog::slots_max);
    CHECK(slots(log, later - 200).size() == 1);
    CHECK(slots(log, later).empty());
    arrive(log, later, later + 200);
    const auto found = slots(log, later + 200);
    REQUIRE(found.size() == 2);
    CHECK(found[0].requests == 100);
}

TEST_CASE("of several reactors the idle time is what they have in common, the late one of any",
          "[redirect]") {
    ArrivalLog one;
    ArrivalLog other;
    arrive(one, 0, 300);
    arrive(other, 0, 81);
    stand_idle(other, 100, 300);
    other.tick(begin + 290 * ms, 5ms, false);
    const ArrivalLog* const logs[] = {&one, &other};
    const auto found = redirect::slots_since(logs, begin, begin + 300 * ms);
    REQUIRE(found.size() == 3);
    CHECK(found[0].requests == 181);
    CHECK(found[2].requests == 100);
    CHECK(found[2].idle_max_ns == 1 * ms);
    CHECK(found[2].late_max_ns == 5 * ms);
    // One idle and then the other is no time in which nothing came.
    ArrivalLog early;
    ArrivalLog late;
    arrive(early, 0, 1);
    late.arrived(begin, [] { return false; });
    stand_idle(early, 20, 60);
    early.arrived(begin + 60 * ms, [] { return false; });
    for (int at = 1; at <= 60; ++at) late.arrived(begin + at * ms, [] { return false; });
    arrive(early, 61, 100);
    stand_idle(late, 80, 100);
    const ArrivalLog* const in_turn[] = {&early, &late};
    const auto never = redirect::slots_since(in_turn, begin, begin + 100 * ms);
    REQUIRE(never.size() == 1);
    CHECK(never[0].idle_max_ns == 0);
    // What one of them does not know is not known.
    ArrivalLog unborn;
    const ArrivalLog* const more[] = {&one, &unborn};
    CHECK(redirect::slots_since(more, begin, begin + 300 * ms).empty());
}
