#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "services/stores/redis/protocol/key_slot.hpp"
#include "tests/support/redis_cluster.hpp"

using namespace qck;
using namespace qck::redis;
using namespace std::chrono_literals;
using test::make_client;
using test::RedisCluster;
using test::RedisServer;
using test::text_of;
using test::wait_for;

namespace {

std::string key(int i) { return "key:" + std::to_string(i); }

/// Does the same again and again on a thread of its own, until it is stopped or the test is left.
class Load {
public:
    explicit Load(std::function<void(int rounds)> round)
        : thread_([this, round = std::move(round)] {
              while (!over_) {
                  round(rounds_);
                  ++rounds_;
              }
          }) {}
    ~Load() { stop(); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void stop() {
        over_ = true;
        if (thread_.joinable()) thread_.join();
    }
    int rounds() const { return rounds_; }
    /// Until it did five more.
    bool goes_on(std::chrono::milliseconds most = 10s) const {
        return wait_for([this, since = rounds()] { return rounds_ > since + 5; }, most);
    }

private:
    std::atomic<bool> over_ = false;
    std::atomic<int> rounds_ = 0;
    std::thread thread_;
};

void check_pipelines(RedisCluster& cluster) {
    const auto client = make_client(cluster.config());
    std::vector<Command> commands;
    for (int i = 0; i < 1000; ++i) commands.push_back(Command("SET").key(key(i)).arg(i));
    for (int i = 0; i < 1000; ++i) commands.push_back(Command("GET").key(key(i)));
    const auto replies = client->pipeline(std::move(commands));
    for (int i = 0; i < 1000; ++i) REQUIRE(text_of(replies[1000 + i]) == std::to_string(i));
    CHECK(client->figures().redirections.value() == 0);
}

void check_replica_reads(RedisCluster& cluster) {
    const auto client = make_client(cluster.config());
    CHECK(wait_for(
        [&] { return text_of(client->call(Command("GET").key(key(7)).from_replica())) == "7"; }));
    // Masters see nothing of them: their count of GETs stays as it is.
    const auto gets = [&] {
        std::string all;
        for (const std::uint16_t slot : {0, 8000, 16000}) {
            for (const auto& line : {cluster.master_of(slot).cli({"INFO", "commandstats"})}) {
                const auto at = line.find("cmdstat_get:");
                all += at == std::string::npos ? "" : line.substr(at, line.find(',', at) - at);
            }
        }
        return all;
    };
    const std::string before = gets();
    for (int i = 0; i < 200; ++i) {
        CHECK(text_of(client->call(Command("GET").key(key(i)).from_replica())) ==
              std::to_string(i));
    }
    CHECK(gets() == before);
}

void check_migration(RedisCluster& cluster) {
    ClientConfig config = cluster.config();
    config.command_timeout = 5s;
    const auto client = make_client(config);
    const auto slot = slot_of_key("{moving}");
    RedisServer& to = cluster.master_of(slot < 8000 ? 16000 : 0);
    constexpr int counters = 40;
    std::string failure;
    Load load([&](int) {
        std::vector<Command> commands;
        for (int i = 0; i < counters; ++i) {
            commands.push_back(Command("INCR").key("{moving}" + std::to_string(i)));
        }
        for (auto& reply : client->pipeline(std::move(commands))) {
            if (!reply) failure = reply.error().message;
        }
    });
    CHECK(load.goes_on());
    cluster.migrate(slot, to);
    CHECK(load.goes_on());
    load.stop();
    CHECK(failure.empty());
    CHECK(client->figures().redirections.value() > 0);
    // Each increment happened once, though it may have been redirected.
    for (int i = 0; i < counters; ++i) {
        CHECK(text_of(client->call(Command("GET").key("{moving}" + std::to_string(i)))) ==
              std::to_string(load.rounds()));
    }
    CHECK(&cluster.master_of(slot) == &to);
}

void check_failover(RedisCluster& cluster) {
    ClientConfig config = cluster.config();
    config.command_timeout = 10s;
    const auto client = make_client(config);
    REQUIRE(wait_for([&] { return client->call(Command("GET").key(key(0))).has_value(); }));
    const auto slot = slot_of_key(key(0));
    RedisServer& victim = cluster.master_of(slot);
    std::string failure;
    Load load([&](int rounds) {
        std::vector<Command> commands;
        for (int i = 0; i < 100; ++i) {
            commands.push_back(Command("SET").key(key(i)).arg(rounds).repeatable());
        }
        for (auto& reply : client->pipeline(std::move(commands))) {
            if (!reply) failure = reply.error().message;
        }
    });
    CHECK(load.goes_on());
    victim.kill();
    CHECK(load.goes_on(20s));
    load.stop();
    CHECK(failure.empty());
    for (int i = 0; i < 100; ++i) {
        CHECK(text_of(client->call(Command("GET").key(key(i)))) ==
              std::to_string(load.rounds() - 1));
    }
    CHECK(&cluster.master_of(slot) != &victim);
}

/// Its replica takes over from a master that dies; the master comes back, and takes over from the
/// replica when that dies. One client sees it all.
void check_failover_and_back(RedisCluster& cluster) {
    const auto client = make_client(cluster.config());
    const auto slot = slot_of_key(key(0));
    const auto served = [&] {
        return client->call(Command("SET").key(key(0)).arg("x").repeatable()).has_value();
    };
    REQUIRE(wait_for(served));
    RedisServer& first = cluster.master_of(slot);
    first.kill();
    REQUIRE(wait_for(served, 20s));
    RedisServer* second = nullptr;
    REQUIRE(wait_for([&] {
        second = cluster.master_or_null(slot);
        return second != nullptr && second != &first;
    }));
    first.start();
    cluster.await_whole();
    second->kill();
    REQUIRE(wait_for([&] { return cluster.master_or_null(slot) == &first; }, 20s));
    CHECK(wait_for(served));
    second->start();
    cluster.await_whole();
}

}  // namespace

TEST_CASE("a cluster is served through migration and the death of a master", "[redis][cluster]") {
    RedisCluster cluster;
    INFO("pipelines are split by node and put back in order");
    check_pipelines(cluster);
    INFO("reads that may be stale are answered by replicas");
    check_replica_reads(cluster);
    INFO("a slot migrates under load: every increment happens once");
    check_migration(cluster);

    // Before the client, whose thread tells of them until it ends.
    std::atomic<int> heard = 0;
    std::atomic<bool> subscribed = false;
    const auto client = make_client(cluster.config());
    client->subscribe(
        "c", [&](std::string_view) { ++heard; }, [&](bool now) { subscribed = now; });
    REQUIRE(wait_for([&] { return subscribed.load(); }));

    INFO("a master fails over to its replica and back: a node that returns is used again");
    check_failover_and_back(cluster);
    INFO("a master is killed under load: repeatable writes all succeed, by its replica");
    check_failover(cluster);

    CHECK(wait_for([&] { return subscribed.load(); }));
    CHECK(wait_for([&] {
        client->call(Command("PUBLISH").arg("c").arg("x"));
        return heard > 0;
    }));
}

TEST_CASE("a cluster none of whose seeds is there is an error at once", "[redis][cluster]") {
    ClientConfig config;
    config.back_off_most = 50ms;
    config.url = *parse_redis_url("redis://127.0.0.1:" + std::to_string(test::free_port()) +
                                  ",redis://127.0.0.1:" + std::to_string(test::free_port()));
    const auto client = make_client(config);
    CHECK(wait_for([&] {
        const auto reply = client->call(Command("GET").key("k"));
        return !reply && test::contains(reply.error().message, "is in reach: ") &&
               test::contains(reply.error().message, "(is it running? set --redis)");
    }));
}
