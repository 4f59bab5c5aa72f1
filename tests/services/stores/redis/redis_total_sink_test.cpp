#include "services/stores/redis/redis_total_sink.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "services/stores/redis/channels.hpp"
#include "services/stores/redis/link_keys.hpp"
#include "services/stores/redis/redis_totals_view.hpp"
#include "services/stores/redis/uniques.hpp"
#include "tests/support/redis_cluster.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/silent_log.hpp"

using namespace qck;
using namespace qck::redis;
using clicks::ClickClass;
using clicks::LinkTotals;
using test::RedisServer;
using test::wait_for;

namespace {

constexpr std::uint64_t node_a = 0xa;
constexpr std::uint64_t node_b = 0xb;
using Ids = std::vector<std::uint64_t>;

/// A sink in front of a real server, at a second of its own choosing.
struct Counted {
    explicit Counted(const RedisServer& server)
        : client(*BlockingClient::create(server.config())),
          sink(*client, [this] { return second; }) {}

    /// Totals of link 7: humans of shard 0. Returns what the sink found lost.
    Ids deliver(std::uint64_t node, std::uint64_t total, bool before) {
        const LinkTotals link{7, {{0, ClickClass::human, total}}, before};
        const auto lost = sink.deliver(node, std::span(&link, 1));
        INFO((lost ? "" : lost.error().message));
        REQUIRE(lost.has_value());
        return lost->lost;
    }
    std::string get(const std::string& key) {
        const auto reply = client->call(Command("GET").key(key));
        REQUIRE(reply.has_value());
        return std::string(reply->text());
    }
    /// Empty while nobody can say.
    std::string incarnation() {
        const auto name = sink.incarnation();
        return name ? *name : std::string();
    }
    std::string count() { return get(clicks_key(7)); }
    std::string in_second(std::int64_t at) { return get(clicks_second_key(7, at)); }
    void evict(const std::string& key) { client->call(Command("DEL").key(key)); }

    std::int64_t second = 1000;
    std::unique_ptr<BlockingClient> client;
    RedisTotalSink sink;
};

}  // namespace

TEST_CASE("a count is the sum of producers' totals, however often they are given", "[redis]") {
    const RedisServer server;
    Counted counted(server);
    CHECK(counted.deliver(node_a, 5, false).empty());
    CHECK(counted.count() == "5");
    counted.deliver(node_a, 5, true);
    counted.deliver(node_b, 10, false);
    CHECK(counted.count() == "15");
    CHECK(counted.in_second(1000) == "15");
    counted.second = 1001;
    counted.deliver(node_a, 3, true);  // late: an older total
    CHECK(counted.count() == "15");
    CHECK(counted.in_second(1001).empty());
    counted.deliver(node_b, 11, true);  // and it has taken nothing away from others' clicks
    CHECK(counted.count() == "16");
    counted.deliver(node_a, 8, true);
    CHECK(counted.count() == "19");
    CHECK(counted.in_second(1001) == "4");

    const LinkTotals link{7, {{0, ClickClass::human, 8}, {3, ClickClass::bot, 100}}, true};
    REQUIRE(
        counted.sink.deliver(node_a, std::span(&link, 1))->lost.empty());  // a new class: not lost
    CHECK(counted.count() == "119");
    const auto field =
        counted.client->call(Command("HGET").key(clicks_by_key(7)).arg("000000000000000a.3.bot"));
    CHECK(field->text() == "100");
    const auto left = counted.client->call(Command("TTL").key(clicks_second_key(7, 1001)));
    CHECK(left->integer() > 0);
    CHECK(left->integer() <= 60);
    CHECK(counted.client->call(Command("TTL").key(clicks_key(7)))->integer() == -1);
}

TEST_CASE("a count is right again whichever of its keys was evicted", "[redis]") {
    const RedisServer server;
    Counted counted(server);
    counted.deliver(node_a, 40, false);
    counted.deliver(node_b, 60, false);
    counted.second = 2000;

    SECTION("the count alone: the sum of the producers, and no burst in the second's key") {
        counted.evict(clicks_key(7));
        CHECK(counted.deliver(node_a, 41, true).empty());
        CHECK(counted.count() == "101");
        CHECK(counted.in_second(2000) == "1");
    }
    SECTION("the producers alone: it does not fall, says lost, and is exact once all have resent") {
        counted.evict(clicks_by_key(7));
        CHECK(counted.deliver(node_a, 45, true) == Ids{7});
        CHECK(counted.count() == "100");
        CHECK(counted.deliver(node_b, 61, true) == Ids{7});
        CHECK(counted.deliver(node_b, 62, true).empty());
        CHECK(counted.count() == "107");
        CHECK(counted.in_second(2000) == "7");
    }
    SECTION("the second's key alone: the count does not mind") {
        counted.deliver(node_a, 41, true);
        counted.evict(clicks_second_key(7, 2000));
        counted.deliver(node_a, 43, true);
        CHECK(counted.count() == "103");
        CHECK(counted.in_second(2000) == "2");
    }
    SECTION("all of them, and the script") {
        counted.client->call(Command("FLUSHALL"));
        counted.client->call(Command("SCRIPT").arg("FLUSH"));
        CHECK(counted.deliver(node_a, 40, true) == Ids{7});
        CHECK(counted.deliver(node_b, 60, true).empty() == false);
        CHECK(counted.count() == "100");
    }
}

TEST_CASE("links that were lost are published to the other instances", "[redis]") {
    const RedisServer server;
    Counted counted(server);
    std::mutex mutex;
    std::string heard;
    std::atomic<bool> subscribed = false;
    counted.client->subscribe(
        heal_channel(0),
        [&](std::string_view payload) {
            const std::lock_guard lock(mutex);
            heard = payload;
        },
        [&](bool now) { subscribed = now; });
    REQUIRE(wait_for([&] { return subscribed.load(); }));
    const std::vector<LinkTotals> links{{7, {{0, ClickClass::human, 1}}, true},
                                        {8, {{0, ClickClass::human, 1}}, false},
                                        {9, {{0, ClickClass::human, 1}}, true}};
    CHECK(counted.sink.deliver(node_a, links)->lost == Ids{7, 9});
    CHECK(wait_for([&] {
        const std::lock_guard lock(mutex);
        return heard == "7 9";
    }));
}

TEST_CASE("what Redis holds is called otherwise once it may have lost something", "[redis]") {
    RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
    Counted here(server);
    Counted there(server);
    const std::string name = here.incarnation();
    CHECK_FALSE(name.empty());
    here.deliver(node_a, 5, false);
    CHECK(here.incarnation() == name);
    CHECK(there.incarnation() == name);

    // Emptied: whoever looks first writes the new name, which all see.
    here.client->call(Command("FLUSHALL"));
    const std::string emptied = there.incarnation();
    CHECK_FALSE(emptied.empty());
    CHECK(emptied != name);
    CHECK(here.incarnation() == emptied);

    // With all its keys, but perhaps without what was written last.
    server.kill();
    CHECK(here.incarnation().empty());
    server.start();
    REQUIRE(wait_for([&] { return !here.incarnation().empty(); }));
    const auto run = [](const std::string& incarnation) {
        return incarnation.substr(0, incarnation.find('/'));
    };
    CHECK(here.incarnation() != emptied);
    CHECK(run(here.incarnation()) == run(emptied));
}

TEST_CASE("a key of another type is replaced, and stops no count", "[redis]") {
    const test::SilentLog silent;
    const RedisServer server;
    Counted counted(server);
    counted.deliver(node_a, 40, false);
    counted.deliver(node_b, 60, false);
    counted.second = 2000;
    const auto deliver = [&](std::uint64_t total) {
        const std::vector<LinkTotals> links{{6, {{0, ClickClass::human, total}}, true},
                                            {7, {{0, ClickClass::human, total}}, true},
                                            {8, {{0, ClickClass::human, total}}, true}};
        const auto taken = counted.sink.deliver(node_a, links);
        INFO((taken ? "" : taken.error().message));
        REQUIRE(taken.has_value());
        CHECK(counted.get(clicks_key(6)) == std::to_string(total));
        CHECK(counted.get(clicks_key(8)) == std::to_string(total));
        return taken->lost;
    };
    deliver(40);

    SECTION("the count") {
        server.cli({"DEL", clicks_key(7)});
        server.cli({"LPUSH", clicks_key(7), "x"});
        CHECK(deliver(41).empty());
        CHECK(counted.count() == "101");
        CHECK(counted.in_second(2000) == "1");
    }
    SECTION("the producers: lost, and exact once all have resent") {
        server.cli({"SET", clicks_by_key(7), "x"});
        CHECK(deliver(41) == Ids{7});
        CHECK(counted.count() == "100");
        counted.deliver(node_b, 61, true);
        CHECK(counted.count() == "102");
    }
    SECTION("the second's") {
        server.cli({"LPUSH", clicks_second_key(7, 2000), "x"});
        CHECK(deliver(43).empty());
        CHECK(counted.count() == "103");
        CHECK(counted.in_second(2000) == "3");
    }
    SECTION("text that is no number") {
        server.cli({"SET", clicks_key(7), "many"});
        server.cli({"SET", clicks_second_key(7, 2000), "some"});
        CHECK(deliver(43).empty());
        CHECK(counted.count() == "103");
        CHECK(counted.in_second(2000) == "3");
    }
    SECTION("the name of the run") {
        server.cli({"DEL", run_key()});
        server.cli({"LPUSH", run_key(), "x"});
        CHECK_FALSE(counted.incarnation().empty());
        CHECK(counted.incarnation() == counted.incarnation());
    }
}

TEST_CASE("what cannot be read for another reason than its type is left as it is", "[redis]") {
    const test::SilentLog silent;
    const RedisServer server;
    Counted counted(server);
    counted.deliver(node_a, 40, false);
    counted.deliver(node_b, 60, false);
    const std::string forbidden = GENERATE(as<std::string>{}, "hgetall", "get");
    INFO("without permission for " << forbidden);
    server.cli({"ACL", "SETUSER", "half", "on", ">secret", "~*", "&*", "+@all", "-" + forbidden});
    ClientConfig config = server.config();
    config.url = *parse_redis_url("redis://half:secret@" + server.address());
    const auto client = *BlockingClient::create(config);
    RedisTotalSink sink(*client);
    const std::vector<LinkTotals> links{{6, {{0, ClickClass::human, 1}}, false},
                                        {7, {{0, ClickClass::human, 41}}, true}};
    const auto taken = sink.deliver(node_a, links);
    REQUIRE_FALSE(taken.has_value());
    const std::string& why = taken.error().message;  // Redis 7.0, and the others
    CHECK((test::contains(why, "can't run this command") || test::contains(why, "permissions")));
    RedisTotalsView view(*client, node_a);
    const std::vector<std::uint64_t> known{7};
    CHECK_FALSE(view.totals(known).has_value());

    CHECK(counted.count() == "100");
    CHECK(counted.get(clicks_key(6)).empty());
    // Nobody lost anything, so the next delivery finds nothing lost.
    CHECK(counted.deliver(node_a, 41, true).empty());
    CHECK(counted.count() == "101");
}

TEST_CASE("the other masters of a cluster take their links while one is down", "[redis][cluster]") {
    test::RedisCluster cluster;
    const auto client = *BlockingClient::create(cluster.config());
    RedisTotalSink sink(*client);
    std::vector<LinkTotals> links;
    for (std::uint64_t id = 1; id <= 300; ++id) {
        links.push_back({id, {{0, ClickClass::human, id}}, false});
    }
    REQUIRE(sink.deliver(node_a, links)->untaken.empty());
    RedisServer& down = cluster.master_of(0);
    down.hang();
    for (auto& link : links) link.parts[0].total += 1'000;
    const auto taken = sink.deliver(node_a, links);
    REQUIRE(taken.has_value());
    CHECK(taken->untaken.size() > 50);
    CHECK(taken->untaken.size() < 150);
    CHECK_FALSE(taken->why.empty());
    for (const auto& link : links) {
        if (std::count(taken->untaken.begin(), taken->untaken.end(), link.link_id) > 0) continue;
        const auto count = client->call(Command("GET").key(clicks_key(link.link_id)));
        REQUIRE(count.has_value());
        CHECK(count->text() == std::to_string(link.link_id + 1'000));
    }
    down.go_on();
}

TEST_CASE("many links are delivered in a few scripts", "[redis]") {
    const RedisServer server;
    Counted counted(server);
    std::vector<LinkTotals> links;
    for (std::uint64_t id = 1; id <= 50'000; ++id) {
        links.push_back({id, {{0, ClickClass::human, id}, {1, ClickClass::bot, 1}}, false});
    }
    const auto before = std::chrono::steady_clock::now();
    const auto lost = counted.sink.deliver(node_a, links);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
    INFO((lost ? "" : lost.error().message));
    REQUIRE(lost.has_value());
    CHECK(lost->lost.empty());
    WARN("50,000 links, 100,000 totals: " << took.count() << " s, "
                                          << counted.client->figures().sent.value() << " commands");
    CHECK(counted.client->figures().sent.value() <= 50'000 / 64 + 100);
    for (const std::uint64_t id : {1, 64, 65, 32'768, 50'000}) {
        CHECK(counted.get(clicks_key(id)) == std::to_string(id + 1));
    }
}

TEST_CASE("a delivery to a server that is not there is an error, and can be repeated", "[redis]") {
    RedisServer server;
    Counted counted(server);
    server.kill();
    const LinkTotals link{7, {{0, ClickClass::human, 4}}, false};
    CHECK_FALSE(counted.sink.deliver(node_a, std::span(&link, 1)).has_value());
    server.start();
    CHECK(wait_for([&] { return counted.sink.deliver(node_a, std::span(&link, 1)).has_value(); }));
    CHECK(counted.count() == "4");
}

TEST_CASE("unique visitors of days are counted within three standard errors", "[redis]") {
    const RedisServer server;
    auto created = BlockingClient::create(server.config());
    REQUIRE(created.has_value());
    const auto client = std::move(*created);
    Uniques uniques(*client, std::chrono::hours(24));
    std::vector<std::string> names;
    for (int i = 0; i < 30'000; ++i) names.push_back("visitor " + std::to_string(i));
    std::vector<Visit> visits;
    for (int i = 0; i < 30'000; ++i) {
        visits.push_back({7, i < 20'000 ? 20261121U : 20261122U, names[i]});
        if (i < 5'000) visits.push_back({7, 20261122U, names[i]});  // on both days
    }
    REQUIRE(uniques.add(visits).has_value());
    REQUIRE(uniques.add(visits).has_value());
    const auto count = [&](std::vector<std::uint32_t> days) {
        Command command("PFCOUNT");
        for (const std::uint32_t day : days) command.key(uniques_key(7, day));
        return static_cast<double>(client->call(std::move(command))->integer());
    };
    CHECK(count({20261121}) == Approx(20'000).epsilon(3 * 0.0081));
    CHECK(count({20261122}) == Approx(15'000).epsilon(3 * 0.0081));
    CHECK(count({20261121, 20261122}) == Approx(30'000).epsilon(3 * 0.0081));
    CHECK(count({20200101}) == 0);
}
