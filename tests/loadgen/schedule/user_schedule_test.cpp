#include "loadgen/schedule/user_schedule.hpp"
#include "base/clock.hpp"

#include <map>
#include <random>
#include <set>

#include "loadgen/scenario/users.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using schedule::Stripe;
using schedule::UserSchedule;
using schedule::UserTable;

namespace {

scenario::Users readers_and_writers() {
    scenario::Users users;
    users.groups = {{"readers", 40, 20, 0}, {"writers", 10, 5, 1}};
    users.spawn_per_s = 25;
    return users;
}

/// Every request of a table in one stripe's order; checks that due times never decrease.
std::vector<UserSchedule::Request> requests_of(const UserTable& table, std::uint32_t worker,
                                               std::uint32_t workers) {
    UserSchedule schedule(table, Stripe::of(worker, workers));
    std::vector<UserSchedule::Request> found;
    std::int64_t last_ns = 0;
    while (const auto* event = schedule.first()) {
        REQUIRE(event->due_ns >= last_ns);
        last_ns = event->due_ns;
        if (event->what == UserSchedule::What::asks) {
            found.push_back(schedule.request(event->place));
            REQUIRE(found.back().due_ns == event->due_ns);
        }
        schedule.done();
    }
    return found;
}

}  // namespace

TEST_CASE("users come at the spawn rate, the groups mixed evenly", "[schedule]") {
    const UserTable table(readers_and_writers(), 10 * second_ns);
    REQUIRE(table.count() == 50);
    CHECK(table.comes_ns(0) == 0);
    CHECK(table.comes_ns(25) == second_ns);
    // One in five writes, however many have come.
    std::uint32_t writers = 0;
    for (std::uint32_t user = 0; user < 50; ++user) {
        writers += table.request_of(user);
        CHECK(writers * 5 <= user + 5);
        CHECK(user < (writers + 1) * 5);
    }
    CHECK(writers == 10);
}

TEST_CASE("a user asks at its own rate, computed from its first request", "[schedule]") {
    const UserTable table(readers_and_writers(), 1'000 * second_ns);
    for (const std::uint32_t user : {0U, 7U, 49U}) {
        const std::int64_t period_ns = table.request_of(user) == 0 ? 50'000'000 : 200'000'000;
        const std::int64_t first_ns = *table.due_ns(user, 0);
        CHECK(first_ns >= table.comes_ns(user));
        CHECK(first_ns < table.comes_ns(user) + period_ns);
        CHECK(*table.due_ns(user, 4'000) == first_ns + 4'000 * period_ns);
    }
    CHECK(!table.due_ns(0, 20'001));
}

TEST_CASE("any striping of users asks each request once, and as many as were counted",
          "[schedule]") {
    const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U);
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto in = [&](int from, int to) {
        return std::uniform_int_distribution<int>(from, to)(random);
    };
    scenario::Users users;
    for (int group = in(1, 4); group > 0; --group) {
        users.groups.push_back({"g", static_cast<std::uint32_t>(in(1, 60)), in(1, 300) / 7.0,
                                static_cast<std::uint16_t>(users.groups.size())});
    }
    users.spawn_per_s = in(1, 500) / 3.0;
    const std::int64_t duration_ns = in(1, 30) * second_ns / 10;
    const UserTable table(users, duration_ns);
    const auto workers = static_cast<std::uint32_t>(in(1, 7));
    std::set<std::uint64_t> seen;
    std::uint64_t before_half = 0;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
        for (const auto& request : requests_of(table, worker, workers)) {
            CHECK(seen.insert(request.n).second);
            CHECK(request.due_ns < duration_ns);
            const auto user = static_cast<std::uint32_t>(request.n % table.count());
            CHECK(request.due_ns == table.due_ns(user, request.n / table.count()));
            CHECK(request.kind == table.request_of(user));
            before_half += request.due_ns < duration_ns / 2 ? 1 : 0;
        }
    }
    CHECK(seen.size() == table.due_before(duration_ns));
    CHECK(before_half == table.due_before(duration_ns / 2));
}

TEST_CASE("a user that waits holds nobody up, and asks late or gives up", "[schedule]") {
    const UserTable table(readers_and_writers(), 3 * second_ns);
    UserSchedule schedule(table, Stripe::of(0, 1));
    while (schedule.first()->what == UserSchedule::What::comes) schedule.done();
    const std::uint32_t late = schedule.first()->place;
    const auto request = schedule.request(late);
    schedule.wait();
    CHECK(schedule.waiting() == 1);
    CHECK(schedule.waits(late));
    CHECK(schedule.first()->place != late);

    SECTION("it asks with the due time it had") {
        schedule.resume(late);
        CHECK(schedule.waiting() == 0);
        CHECK(schedule.first()->place == late);
        CHECK(schedule.first()->due_ns == request.due_ns);
    }
    SECTION("what it gives up is followed by its next request") {
        schedule.skip(late, request.due_ns);
        CHECK(!schedule.waits(late));
        CHECK(schedule.request(late).n == request.n + table.count());
    }
    SECTION("a next request that is due as well waits too") {
        schedule.skip(late, request.due_ns + second_ns);
        CHECK(schedule.waits(late));
        CHECK(schedule.request(late).n == request.n + table.count());
    }
    SECTION("in the end nobody asks") {
        schedule.end();
        CHECK(schedule.first() == nullptr);
        CHECK(schedule.waiting() == 0);
    }
}

TEST_CASE("users that are taken over at a time ask once what is due from then on", "[schedule]") {
    const UserTable table(readers_and_writers(), 6 * second_ns);
    const std::int64_t at_ns = GENERATE(0, second_ns, 3 * second_ns, 6 * second_ns - 1);
    CAPTURE(at_ns);
    std::set<std::uint64_t> seen;
    const auto take = [&](UserSchedule& schedule, std::int64_t until_ns) {
        while (const auto* event = schedule.first()) {
            if (event->what == UserSchedule::What::asks) {
                if (event->due_ns >= until_ns) break;
                CHECK(seen.insert(schedule.request(event->place).n).second);
            }
            schedule.done();
        }
    };
    const Stripe lost = Stripe::of(0, 2);
    UserSchedule before(table, lost);
    take(before, at_ns);
    CHECK(seen.size() == table.due_before(lost, at_ns));
    UserSchedule heir(table, Stripe::of(1, 2));
    take(heir, at_ns);
    const std::uint32_t own = heir.count();
    const Stripe rest = lost.from(static_cast<std::uint64_t>(at_ns));
    heir.add(rest);
    CHECK(heir.count() == own + table.users_of(rest));
    take(heir, 6 * second_ns);
    CHECK(seen.size() == table.due_before(6 * second_ns));
    CHECK(table.due_before(lost, at_ns) + table.due_before(rest, 6 * second_ns) ==
          table.due_before(lost, 6 * second_ns));
}

TEST_CASE("a plan with users has a phase in which they come", "[schedule]") {
    scenario::Plan plan;
    plan.requests.resize(2);
    const auto made = scenario::with_users(plan, readers_and_writers(), std::chrono::seconds(8));
    REQUIRE(made.has_value());
    REQUIRE(made->phases.size() == 2);
    CHECK(made->phases[0].duration == std::chrono::seconds(2));
    CHECK(made->phases[1].rate_from_per_s == 850);
    CHECK(made->connections == 50);

    scenario::Users none;
    CHECK(!scenario::with_users(plan, none, std::chrono::seconds(1)));
    scenario::Users still = readers_and_writers();
    still.groups[1].rate_per_s = 0;
    CHECK(scenario::with_users(plan, still, std::chrono::seconds(1)).error().message ==
          "writers at 0/s each: a rate is at least one in 11 days and at most 1G/s");
    scenario::Users stuck = readers_and_writers();
    stuck.spawn_per_s = 0;
    CHECK(!scenario::with_users(plan, stuck, std::chrono::seconds(1)));
}
