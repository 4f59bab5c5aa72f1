#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "services/stores/redis/protocol/key_slot.hpp"
#include "tests/faults/shared_fleet.hpp"
#include "tests/support/redis_cluster.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/skip.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

/// Each kind of fault once.
constexpr unsigned long rounds_by_default = 8;
/// The last of the fleet's own links is clicked at the beginning only.
constexpr std::size_t links_first = 4;
constexpr std::size_t links_busy = 3;

unsigned long rounds_wanted() {
    const char* const text = std::getenv("QCK_KILLS");
    return text == nullptr ? rounds_by_default : std::strtoul(text, nullptr, 10);
}

void sleep_up_to(SharedFleet& fleet, std::chrono::milliseconds most) {
    const auto most_us = std::chrono::microseconds(most).count();
    std::this_thread::sleep_for(
        std::chrono::microseconds(fleet.random() % static_cast<std::uint32_t>(most_us)));
}

/// What may happen in a round: one thing ends or hangs while load runs on both instances.
class Faults {
public:
    Faults(SharedFleet& fleet, RedisServer& redis)
        : fleet_(fleet),
          faults_{
              {"serve A killed", [&] { fleet.kill(0); }, [] {}},
              {"serve B killed", [&] { fleet.kill(1); }, [] {}},
              {"Redis killed", [&] { redis.kill(); }, [&] { redis.start(); }},
              {"PostgreSQL killed", [&] { fleet.postgres().kill(); },
               [&] { fleet.postgres().start(); }},
              {"ClickHouse killed", [&] { fleet.clickhouse().kill(); },
               [&] { REQUIRE(fleet.clickhouse().start()); }},
              {"Redis hangs", [&] { redis.hang(); }, [&] { redis.go_on(); }},
              {"PostgreSQL hangs", [&] { fleet.postgres().hang(); },
               [&] { fleet.postgres().go_on(); }},
              {"ClickHouse hangs", [&] { fleet.clickhouse().stop(); },
               [&] { fleet.clickhouse().go_on(); }},
          } {}

    /// In an order by chance, each as often as the others.
    void round(unsigned long number) {
        if (number % faults_.size() == 0) {
            for (std::size_t at = faults_.size() - 1; at > 0; --at) {
                std::swap(faults_[at], faults_[fleet_.random() % (at + 1)]);
            }
        }
        const Fault& fault = faults_[number % faults_.size()];
        INFO("round " << number << ": " << fault.name);
        // A link that is clicked in this round and never again: no later click gives what a
        // delivery of this round dropped.
        fleet_.start_all();
        std::vector<std::size_t> links{0, 1, 2, fleet_.add_link("round" + std::to_string(number))};
        if (number == 0) links.push_back(links_first - 1);
        fleet_.load(links);
        sleep_up_to(fleet_, 700ms);
        fault.begin();
        const bool hangs = std::string(fault.name).ends_with("hangs");
        std::this_thread::sleep_for(hangs ? 700ms : 50ms);
        sleep_up_to(fleet_, 500ms);
        fault.end();
    }

private:
    struct Fault {
        const char* name;
        std::function<void()> begin;
        std::function<void()> end;
    };
    SharedFleet& fleet_;
    std::vector<Fault> faults_;
};

/// Nothing fails any more: every busy link is clicked once more on both instances.
void click_in_peace(SharedFleet& fleet, const std::vector<std::size_t>& links = {0, 1, 2}) {
    fleet.load(links);
    fleet.wait_for_answers(1'000);
    fleet.quiet();
}

/// Without a repair: what a store loses it is given again, also of links that nobody clicks.
void kill_in_turns(RedisServer& redis, std::uint32_t seed) {
    SharedFleet fleet(redis.config(), true, seed);
    Faults faults(fleet, redis);
    const unsigned long rounds = rounds_wanted();
    for (unsigned long number = 0; number < rounds; ++number) faults.round(number);
    click_in_peace(fleet);

    const bool agreed = fleet.agrees(60s);
    INFO(fleet.table());
    CHECK(agreed);
    CHECK(fleet.reconciled(false));
    CHECK(fleet.answered() > 0);
    CHECK_FALSE(contains(fleet.said(), "journal_damaged"));
    std::cout << rounds << " rounds, " << fleet.answered()
              << " answers, each counted once everywhere" << std::endl;
}

/// Of a Cluster, of the keys of a link.
std::uint16_t slot_of(const SharedFleet& fleet, std::size_t link) {
    return redis::slot_of_key("clicks:{" + fleet.id_of(link) + "}");
}
int keys_in(const RedisServer& node, std::uint16_t slot) {
    return std::atoi(node.cli({"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}).c_str());
}

/// What a master had not yet given its replica is lost with it, and given again.
void check_agreement(SharedFleet& fleet) {
    const bool agreed = fleet.agrees(30s);
    INFO(fleet.table());
    CHECK(agreed);
    CHECK(fleet.answered() > 0);
}

bool all_installed() {
    return RedisServer::is_installed() && PostgresServer::is_installed() &&
           ClickhouseServer::installed();
}

}  // namespace

TEST_CASE("P1: journals and stores agree on each link, across kill -9 and SIGSTOP of anything",
          "[faults][shared][P1][skippable]") {
    if (!all_installed()) QCK_SKIP("Redis, PostgreSQL and ClickHouse are not all installed");
    const std::uint32_t seed = seed_of_run("kill loop of two instances and their stores");
    CAPTURE(seed);
    RedisServer redis;
    kill_in_turns(redis, seed);
}

TEST_CASE("P1: so they do with a Redis that keeps what it has in a file",
          "[faults][shared][P1][skippable]") {
    if (!all_installed()) QCK_SKIP("Redis, PostgreSQL and ClickHouse are not all installed");
    const std::uint32_t seed = seed_of_run("kill loop with appendonly");
    CAPTURE(seed);
    RedisServer redis({"--appendonly", "yes"});
    kill_in_turns(redis, seed);
}

TEST_CASE("P1: counts in a Redis Cluster are exact when a master dies with a slot half moved",
          "[faults][shared][P1][skippable]") {
    if (!RedisServer::is_installed() || !PostgresServer::is_installed())
        QCK_SKIP("Redis and PostgreSQL are not both installed");
    const std::uint32_t seed = seed_of_run("a death in a migration under load");
    CAPTURE(seed);
    RedisCluster cluster;
    SharedFleet fleet(cluster.config(), false, seed);
    fleet.load(links_first);
    const std::uint16_t moving = slot_of(fleet, 0);
    RedisServer& from = cluster.master_of(moving);
    RedisServer& to = cluster.master_of(moving < 8000 ? 16000 : 0);
    REQUIRE(&from != &to);
    REQUIRE(wait_for([&] { return keys_in(from, moving) > 1; }));
    sleep_up_to(fleet, 500ms);

    bool was_half_done = false;
    cluster.migrate(moving, to, [&] {
        was_half_done = keys_in(from, moving) > 0 && keys_in(to, moving) > 0;
        from.kill();
    });
    REQUIRE(was_half_done);
    // The last clicks of the link of that slot: no later one gives what a delivery drops here.
    fleet.load(std::vector<std::size_t>{0});
    fleet.wait_for_answers(1'000);
    const std::vector<std::size_t> others{1, 2, 3};
    fleet.load(others);
    sleep_up_to(fleet, 1'500ms);
    // A node that imports a slot believes nobody about it until it is told to import no more.
    to.cli({"CLUSTER", "SETSLOT", std::to_string(moving), "STABLE"});
    REQUIRE(wait_for([&] { return cluster.has_other_master(moving, from); }, 20s));
    sleep_up_to(fleet, 500ms);
    cluster.migrate(moving, to);
    REQUIRE(wait_for([&] { return &cluster.master_of(moving) == &to; }));
    from.start();
    cluster.await_whole();
    click_in_peace(fleet, others);
    check_agreement(fleet);
}

TEST_CASE("P1: counts in a Redis Cluster are exact when masters die in a failover",
          "[faults][shared][P1][skippable]") {
    if (!RedisServer::is_installed() || !PostgresServer::is_installed())
        QCK_SKIP("Redis and PostgreSQL are not both installed");
    const std::uint32_t seed = seed_of_run("deaths in a failover under load");
    CAPTURE(seed);
    RedisCluster cluster;
    SharedFleet fleet(cluster.config(), false, seed);
    fleet.load(links_first);
    // All that this one has is lost, also of a link that nobody clicks again.
    RedisServer& second = cluster.master_of(slot_of(fleet, links_first - 1));
    std::uint16_t taken_over = 0;
    if (&cluster.master_of(taken_over) == &second) taken_over = 16'000;
    RedisServer& first = cluster.master_of(taken_over);
    REQUIRE(&second != &first);
    REQUIRE(wait_for([&] { return keys_in(second, slot_of(fleet, links_first - 1)) > 1; }));
    sleep_up_to(fleet, 500ms);
    fleet.load(links_busy);
    sleep_up_to(fleet, 500ms);

    first.kill();
    sleep_up_to(fleet, 1'500ms);  // noticed after a second; the election is soon after
    fleet.kill(0);
    second.kill();
    second.start();
    REQUIRE(wait_for([&] { return cluster.has_other_master(taken_over, first); }, 20s));
    first.start();
    cluster.await_whole();
    click_in_peace(fleet);
    check_agreement(fleet);
}

}  // namespace qck::test
