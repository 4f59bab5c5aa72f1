#include <atomic>

#include "tests/support/redis_server.hpp"

using namespace qck;
using namespace qck::redis;
using namespace std::chrono_literals;
using test::RedisServer;
using test::wait_for;

TEST_CASE("a client follows Sentinel from a master that dies to its replica", "[redis][sentinel]") {
    const bool with_password = GENERATE(false, true);
    std::vector<std::string> auth;
    if (with_password) auth = {"-a", "pw"};
    RedisServer master({"--requirepass", "pw", "--masterauth", "pw"});
    RedisServer replica({"--requirepass", "pw", "--masterauth", "pw", "--replicaof", "127.0.0.1",
                         std::to_string(master.port()), "--repl-diskless-sync-delay", "0"});
    const auto replicates = [&] {
        return test::contains(replica.cli({"-a", "pw", "INFO", "replication"}),
                              "master_link_status:up");
    };
    REQUIRE(wait_for(replicates));
    const std::string watched = "127.0.0.1 " + std::to_string(master.port());
    RedisServer sentinel(
        {"--sentinel", "sentinel monitor mymaster " + watched + " 1",
         "sentinel auth-pass mymaster pw", "sentinel down-after-milliseconds mymaster 500",
         "sentinel failover-timeout mymaster 3000", with_password ? "requirepass pw" : ""});
    INFO("Sentinel wants a password: " << with_password);
    REQUIRE(wait_for(
        [&] {
            auto question = auth;
            question.insert(question.end(), {"SENTINEL", "replicas", "mymaster"});
            return test::contains(sentinel.cli(question), std::to_string(replica.port()));
        },
        20s));

    ClientConfig config;
    // The first Sentinel is not there: the next is asked.
    config.url =
        *parse_redis_url("redis-sentinel://:pw@127.0.0.1:" + std::to_string(test::free_port()) +
                         "," + sentinel.address() + "/mymaster");
    config.back_off_most = 100ms;
    auto made = BlockingClient::create(config);
    REQUIRE(made.has_value());
    BlockingClient& client = **made;
    REQUIRE(wait_for([&] { return client.call(Command("SET").key("k").arg("v")).has_value(); }));
    CHECK(wait_for([&] { return replica.cli({"-a", "pw", "GET", "k"}) == "v\n"; }));
    std::atomic<bool> subscribed = false;
    client.subscribe(
        "c", [](std::string_view) {}, [&](bool now) { subscribed = now; });
    REQUIRE(wait_for([&] { return subscribed.load(); }));

    master.kill();
    CHECK(wait_for([&] { return client.call(Command("SET").key("k").arg("w")).has_value(); }, 20s));
    CHECK(replica.cli({"-a", "pw", "GET", "k"}) == "w\n");
    CHECK(wait_for([&] { return subscribed.load(); }));
}

TEST_CASE("a master that no Sentinel knows is named in the error", "[redis][sentinel]") {
    const RedisServer sentinel({"--sentinel"});
    ClientConfig config;
    config.back_off_most = 50ms;
    config.url = *parse_redis_url("redis-sentinel://" + sentinel.address() + "/nobody");
    auto client = BlockingClient::create(config);
    REQUIRE(client.has_value());
    CHECK(wait_for([&] {
        const auto reply = (*client)->call(Command("PING"));
        return !reply && test::contains(reply.error().message, "it knows no master 'nobody'");
    }));
}
