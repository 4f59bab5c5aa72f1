#include <cmath>
#include <cstdlib>
#include <functional>

#include "base/clock.hpp"
#include "loadgen/scenario/users.hpp"

#include "tests/loadgen/fleet/simulated_fleet.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using qck::test::SimulatedFleet;
using namespace std::chrono_literals;

namespace {

/// Five seconds with a peak in the middle.
scenario::Plan small_burst(scenario::Arrival arrival = scenario::Arrival::uniform) {
    scenario::Plan plan;
    plan.name = "burst";
    const auto phase = [&](const char* name, double rate, int seconds) {
        scenario::Phase one;
        one.name = name;
        one.rate_from_per_s = one.rate_to_per_s = rate;
        one.duration = std::chrono::seconds(seconds);
        plan.phases.push_back(one);
    };
    phase("before", 300, 1);
    phase("peak", 1000, 3);
    phase("after", 100, 2);
    plan.requests.emplace_back();
    plan.connections = 64;
    plan.arrival = arrival;
    return plan;
}

/// Four seconds of readers and writers whose rates differ, while they come and after.
scenario::Plan small_crowd() {
    scenario::Plan plan;
    plan.name = "crowd";
    plan.requests.resize(2);
    scenario::Users users;
    users.groups = {{"readers", 130, 7, 0}, {"writers", 31, 2.5, 1}};
    users.spawn_per_s = 120;
    auto made = scenario::with_users(plan, users, std::chrono::seconds(3));
    REQUIRE(made.has_value());
    return *made;
}

void settle(SimulatedFleet& fleet) {
    for (int times = 0; times < 100 && !fleet.coordination().clocks_settled(); ++times) {
        fleet.run_for(second_ns / 10);
    }
    REQUIRE(fleet.coordination().clocks_settled());
}

record::RunResult run(SimulatedFleet& fleet, fleet::Order order,
                      const std::function<void()>& meanwhile = {}) {
    REQUIRE(fleet.coordination().begin(std::move(order), fleet.now_ns()).has_value());
    if (meanwhile) meanwhile();
    REQUIRE(fleet.run_until_end(60 * second_ns));
    auto result = fleet.coordination().finish(fleet.now_ns(), 0);
    REQUIRE(result.has_value());
    return std::move(*result);
}

/// What must hold of every run that was not stopped, whoever was lost.
void check_closed(const record::RunResult& result, const scenario::Plan& plan,
                  const qck::test::Ledger& ledger) {
    const schedule::Timetable timetable(plan, false);
    std::uint64_t total = 0;
    REQUIRE(result.phases.size() == plan.phases.size());
    std::uint64_t gap = 0;
    for (std::size_t phase = 0; phase < plan.phases.size(); ++phase) {
        const record::PhaseResult& one = result.phases[phase];
        CHECK(one.accounting.closes());
        CHECK(one.accounting.scheduled == timetable.count_of(phase));
        total += one.accounting.scheduled;
        CHECK(one.duration == plan.phases[phase].duration);
        gap += one.unsent_by[static_cast<std::size_t>(record::Cause::agent_lost)];
    }
    CHECK(gap == result.gap());
    std::uint64_t in_series = 0;
    for (const record::Interval& interval : result.series) in_series += interval.unsent;
    CHECK(in_series == gap);
    for (const auto& [n, times] : ledger) {
        if (times != 1) FAIL_CHECK("request " << n << " was sent " << times << " times");
    }
    // What was sent and not told is part of the gap; nothing else was left out.
    CHECK(ledger.size() + gap >= total);
    CHECK(result.total().sent <= ledger.size());
}

}  // namespace

TEST_CASE("agents with any capacities offer every request once, at one moment",
          "[loadgen][fleet]") {
    SimulatedFleet fleet(5, 7);
    settle(fleet);
    fleet::Order order;
    order.plan = small_burst();
    order.weights = {1, 0, 3.5, 100, 0.01};
    const auto result = run(fleet, order);
    check_closed(result, order.plan, fleet.ledger());
    CHECK(result.gap() == 0);
    CHECK(result.total().answered == schedule::RateCurve(order.plan.phases).total());
    for (const record::AgentResult& agent : result.agents) {
        // The clock is known to half of a trip; the delays are the same both ways here.
        CHECK(std::llabs(agent.start_skew.count()) <= 1'000'000);
        CHECK(agent.clock_uncertainty.count() <= 25'000'000);
    }
    CHECK(result.agents[3].share == Approx(100 / 104.51).epsilon(0.01));
    CHECK(result.agents[1].accounting.sent == 0);
    // All on one CPU of one host: what each has of it adds up.
    CHECK(result.generator.cpu_share_max == Approx(5 * 0.15));
    // All of them are on one host, whose interface counts once.
    REQUIRE(result.generator.interfaces.size() == 1);
    record::InterfaceUse use = result.generator.interfaces.front();
    CHECK(use.agent.starts_with("agent"));
    use.agent.clear();
    CHECK(use == record::InterfaceUse{"", "eth0", 1e9, 0.5, 100, 200, 300, 4, 5});
    CHECK(result.generator.sockets == record::SocketUse{7, 8, 9'000, 1'024});
    // Of 2 ms of 4, on two CPUs, that others than itself had, the other four agents had 1.6.
    const auto& stretches = result.generator.cpu_stretches;
    CHECK(stretches.size() <= fleet::cpu_stretches_max);
    const record::CpuShares taken = record::shares_of(stretches, 1s, 4s);
    CHECK(taken.kept_waiting == Approx(0.25).epsilon(0.01));
    CHECK(taken.others == Approx(0.05).epsilon(0.01));
    CHECK(result.generator.others_share == Approx(0.05).epsilon(0.01));
    CHECK(result.generator.target_is_here);
}

TEST_CASE("whatever agents are lost when, no request is made twice and the accounting closes",
          "[loadgen][fleet]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        SplitMix64 random(seed);
        const std::size_t agents = 2 + random.next() % 6;
        SimulatedFleet fleet(agents, seed);
        settle(fleet);
        fleet::Order order;
        order.plan =
            small_burst(seed % 3 == 0 ? scenario::Arrival::poisson : scenario::Arrival::uniform);
        for (std::size_t at = 0; at < agents; ++at) {
            order.weights.push_back(static_cast<double>(random.next() % 100 + 1));
        }
        const std::size_t losses = 1 + random.next() % (agents - 1);
        const auto result = run(fleet, order, [&] {
            for (std::size_t at = 0; at < losses; ++at) {
                // At least until the start: before it a loss fails the run.
                fleet.run_for(static_cast<std::int64_t>(300 + random.next() % 1'700) * 1'000'000);
                const std::size_t victim = agents - 1 - at;
                if (fleet.coordination().has_ended()) break;
                if (random.next() % 2 == 0) {
                    fleet.kill(victim);
                } else {
                    fleet.stand_still(victim, true);
                    fleet.run_for(static_cast<std::int64_t>(random.next() % 3'000) * 1'000'000);
                    // It may be missed by then, or may not; it must do no harm either way.
                    fleet.stand_still(victim, false);
                }
            }
        });
        if (!result.interrupted) check_closed(result, order.plan, fleet.ledger());
        CHECK(result.total().closes());
    }
}

TEST_CASE("users are shared out, and those of an agent that is lost go on with others",
          "[loadgen][fleet]") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        SplitMix64 random(seed);
        const std::size_t agents = 2 + random.next() % 5;
        SimulatedFleet fleet(agents, seed);
        settle(fleet);
        fleet::Order order;
        order.plan = small_crowd();
        const auto losses = seed == 1 ? 0 : 1 + random.next() % (agents - 1);
        const auto result = run(fleet, order, [&] {
            for (std::size_t at = 0; at < losses; ++at) {
                fleet.run_for(static_cast<std::int64_t>(300 + random.next() % 1'700) * 1'000'000);
                if (fleet.coordination().has_ended()) break;
                fleet.kill(agents - 1 - at);
            }
        });
        if (!result.interrupted) check_closed(result, order.plan, fleet.ledger());
        CHECK(result.total().closes());
        if (losses == 0) CHECK(result.gap() == 0);
        // Of each that is lost, at most two seconds of its share.
        CHECK(static_cast<double>(result.gap()) <= 2 * order.plan.users->rate_per_s() *
                                                       static_cast<double>(losses) /
                                                       static_cast<double>(agents - losses));
    }
}

TEST_CASE("an agent that is killed in the peak leaves a gap of under two seconds of its share",
          "[loadgen][fleet]") {
    for (const bool killed : {true, false}) {
        CAPTURE(killed);
        SimulatedFleet fleet(4, 11);
        settle(fleet);
        fleet::Order order;
        order.plan = small_burst();
        const auto result = run(fleet, order, [&] {
            fleet.run_for(2 * second_ns);
            if (killed) {
                fleet.kill(2);
            } else {
                fleet.stand_still(2, true);
            }
            fleet.run_for(5 * second_ns / 2);
            const auto progress = fleet.coordination().progress(fleet.now_ns());
            REQUIRE(progress.agents.size() == 4);
            for (std::size_t at = 0; at < 4; ++at) {
                CAPTURE(at);
                CHECK(progress.agents[at].lost == (at == 2));
                CHECK(progress.agents[at].lost_why.empty() == (at != 2));
                CHECK(progress.agents[at].name == fleet.coordination().members()[at].name);
                CHECK(progress.agents[at].sent > 0);
            }
            CHECK(progress.agents[0].sent > progress.agents[2].sent);
        });
        check_closed(result, order.plan, fleet.ledger());
        REQUIRE(result.agents[2].lost);
        CHECK(result.gap() > 0);
        CHECK(result.gap() <= 2 * 1000 / 4);
        CHECK(result.agents[2].gap == result.gap());
        CHECK_FALSE(result.interrupted);
        CHECK(fleet.coordination().alive() == 3);
    }
}

TEST_CASE("agents whose coordinator falls silent stop within two seconds", "[loadgen][fleet]") {
    SimulatedFleet fleet(2, 3);
    settle(fleet);
    fleet::Order order;
    order.plan = small_burst();
    REQUIRE(fleet.coordination().begin(order, fleet.now_ns()).has_value());
    fleet.run_for(2 * second_ns);
    fleet.coordinator_stands_still();
    fleet.run_for(2 * second_ns);
    const std::size_t sent = fleet.ledger().size();
    CHECK(sent > 0);
    CHECK(fleet.agent(0).over());
    CHECK(fleet.agent(1).over());
    fleet.run_for(2 * second_ns);
    CHECK(fleet.ledger().size() == sent);
}

TEST_CASE("a run whose last agent is lost ends there, and says so", "[loadgen][fleet]") {
    SimulatedFleet fleet(1, 5);
    settle(fleet);
    fleet::Order order;
    order.plan = small_burst();
    const auto result = run(fleet, order, [&] {
        fleet.run_for(2 * second_ns);
        fleet.kill(0);
    });
    CHECK(result.interrupted);
    CHECK(result.total().closes());
    CHECK(result.agents[0].lost);
}

TEST_CASE("a fleet that is stopped early reports what ran, and can run again", "[loadgen][fleet]") {
    SimulatedFleet fleet(3, 9);
    settle(fleet);
    fleet::Order order;
    order.plan = small_burst();
    const auto result = run(fleet, order, [&] {
        fleet.run_for(2 * second_ns);
        fleet.coordination().stop(false, fleet.now_ns());
    });
    CHECK(result.interrupted);
    CHECK(result.total().closes());
    CHECK(result.gap() == 0);
    fleet.ledger().clear();
    check_closed(run(fleet, order), order.plan, fleet.ledger());
}

TEST_CASE("an agent that is lost before the start fails the run", "[loadgen][fleet]") {
    SimulatedFleet fleet(2, 13);
    settle(fleet);
    fleet::Order order;
    order.plan = small_burst();
    REQUIRE(fleet.coordination().begin(order, fleet.now_ns()).has_value());
    fleet.kill(1);
    REQUIRE(fleet.run_until_end(second_ns));
    const auto result = fleet.coordination().finish(fleet.now_ns(), 0);
    REQUIRE_FALSE(result.has_value());
    CHECK(test::contains(result.error().message, "agent1"));
}

TEST_CASE("what an agent had open when it was lost is no backlog of those that go on",
          "[loadgen][fleet]") {
    SimulatedFleet fleet(3, 17);
    settle(fleet);
    fleet::Order order;
    order.plan = small_burst();
    const auto result = run(fleet, order, [&] {
        fleet.run_for(second_ns);
        fleet.leave_unanswered(1);
        fleet.run_for(second_ns);
        fleet.kill(1);
    });
    check_closed(result, order.plan, fleet.ledger());
    CHECK(result.agents[1].accounting.in_flight > 50);
    std::uint64_t due = 0;
    std::uint64_t ended = 0;
    for (const record::Interval& at : result.series) {
        due += at.scheduled;
        ended += at.answered + at.failed;
    }
    CHECK(due == ended);
}

TEST_CASE("an agent that was lost is no part of later runs", "[loadgen][fleet]") {
    SimulatedFleet fleet(3, 19);
    settle(fleet);
    fleet::Order order;
    order.plan = small_burst();
    const auto first = run(fleet, order, [&] {
        fleet.run_for(2 * second_ns);
        fleet.kill(1);
    });
    CHECK(first.agents[1].lost);
    fleet.ledger().clear();
    const auto next = run(fleet, order, [&] {
        fleet.run_for(2 * second_ns);
        CHECK(fleet.coordination().progress(fleet.now_ns()).agents.size() == 2);
    });
    check_closed(next, order.plan, fleet.ledger());
    REQUIRE(next.agents.size() == 2);
    CHECK(next.agents[0].name == "agent0");
    CHECK(next.agents[1].name == "agent2");
    for (const record::AgentResult& agent : next.agents) CHECK_FALSE(agent.lost);
}
