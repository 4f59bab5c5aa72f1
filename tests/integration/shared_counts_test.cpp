#include "cli/commands/service.hpp"
#include "services/stores/redis/protocol/key_slot.hpp"
#include "tests/integration/reconcile_question.hpp"
#include "tests/integration/shared_stores.hpp"
#include "tests/support/redis_cluster.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

std::string clicks_in_redis(const SharedStores& stores, const std::string& id) {
    std::string text = stores.redis.cli({"GET", "clicks:{" + id + "}"});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

TEST_CASE("every store agrees with the journals of two instances", "[integration][shared][P3]") {
    SharedStores stores;
    RunningService here([&](auto& config) { stores.use(config); });
    RunningService there([&](auto& config) { stores.use(config); });
    here.add_link("a");
    here.add_link("b");
    const std::string id = here.api("GET", "/v1/links/a").second["id"].get<std::string>();

    visit(here, "a", 300);
    visit(there, "a", 200);
    visit(there, "b", 50);
    CHECK(eventually([&] { return clicks_in_redis(stores, id) == "500"; }));

    for (RunningService* const service : {&here, &there}) {
        const auto stats = service->api("GET", "/v1/links/a/stats").second;
        INFO(stats.dump());
        CHECK(stats["clicks"] == 500);
        CHECK(stats["by_class"]["human"].get<int>() + stats["by_class"]["bot"].get<int>() == 500);
        CHECK(stats["of"] == "every instance");
    }

    const auto ours = compared(here);
    CHECK(ours.agrees());
    CHECK(ours.journal == 300);
    REQUIRE(ours.stores.size() == (stores.clickhouse ? 4 : 3));
    for (const auto& store : ours.stores) {
        INFO(store.name);
        CHECK(store.clicks == 300);
    }
    CHECK(compared(there).agrees());
    CHECK(stores.postgres.sql("SELECT click_count FROM links WHERE short_code = 'a'") == "500\n");

    // P3: FLUSHALL, then one instance counts on: the others give theirs again as well.
    stores.redis.cli({"FLUSHALL"});
    CHECK_FALSE(compared(here).agrees());
    visit(here, "a", 1);
    CHECK(eventually([&] { return clicks_in_redis(stores, id) == "501"; }));
    for (RunningService* const service : {&here, &there}) {
        CHECK(compared(*service, R"({"repair": true})").agrees());
    }

    // A total that somebody changed in PostgreSQL, and rows that ClickHouse lost.
    stores.postgres.sql("UPDATE links SET click_count = click_count - 7");
    if (stores.clickhouse) {
        stores.ask_clickhouse("DROP TABLE qck_analytics.link_events_local");
        stores.make_clickhouse_schema();
    }
    const auto drifted = compared(here);
    CHECK_FALSE(drifted.agrees());
    for (RunningService* const service : {&here, &there}) {
        const auto repaired = compared(*service, R"({"repair": true})");
        INFO(to_json(repaired));
        CHECK(repaired.agrees());
    }
    CHECK(stores.postgres.sql("SELECT click_count FROM links WHERE short_code = 'a'") == "501\n");
}

TEST_CASE("an instance that was not there when Redis lost its keys gives its totals again",
          "[integration][shared][P3]") {
    SharedStores stores(false);
    RunningService here([&](auto& config) { stores.use(config); });
    RunningService there([&](auto& config) { stores.use(config); });
    for (const char* const code : {"a", "quiet"}) here.add_link(code);
    const auto id_of = [&](const std::string& code) {
        return here.api("GET", "/v1/links/" + code).second["id"].get<std::string>();
    };
    const std::string id = id_of("a"), quiet = id_of("quiet");
    for (const char* const code : {"a", "quiet"}) {
        visit(here, code, 30);
        visit(there, code, 20);
    }
    const auto in_redis = [&](const std::string& link) { return clicks_in_redis(stores, link); };
    CHECK(eventually([&] { return in_redis(id) == "50" && in_redis(quiet) == "50"; }));

    INFO(
        "one is stopped while Redis begins again with nothing, and what was lost is told to "
        "nobody");
    there.stop();
    stores.redis.kill();
    stores.redis.start();
    visit(here, "a", 1);
    CHECK(eventually([&] { return in_redis(id) == "31" && in_redis(quiet) == "30"; }));
    there.start();
    CHECK(eventually([&] { return in_redis(id) == "51" && in_redis(quiet) == "50"; }));

    INFO("both are there, and nobody clicks");
    stores.redis.cli({"FLUSHALL"});
    CHECK(eventually([&] { return in_redis(id) == "51" && in_redis(quiet) == "50"; }));
}

TEST_CASE("a master of a cluster that lost its keys is given them again without a click",
          "[integration][shared][P3]") {
    const SharedStores stores(false);
    RedisCluster cluster;
    const auto use = [&](auto& config) {
        stores.use(config);
        config.redis = cluster.config();
    };
    RunningService here(use);
    RunningService there(use);
    std::vector<std::string> ids;
    for (int at = 0; at < 12; ++at) {
        const std::string code = "c" + std::to_string(at);
        here.add_link(code);
        ids.push_back(here.api("GET", "/v1/links/" + code).second["id"].get<std::string>());
        visit(here, code, 3);
        visit(there, code, 2);
    }
    const auto client = redis::BlockingClient::create(cluster.config());
    REQUIRE(client.has_value());
    const auto key_of = [](const std::string& id) { return "clicks:{" + id + "}"; };
    const auto all_there = [&] {
        return std::all_of(ids.begin(), ids.end(), [&](const auto& id) {
            const auto count = (*client)->call(redis::Command("GET").key(key_of(id)));
            return count && count->text() == "5";
        });
    };
    REQUIRE(eventually(all_there));
    cluster.master_of(redis::slot_of_key(key_of(ids[0]))).cli({"FLUSHALL"});
    CHECK_FALSE(all_there());
    CHECK(eventually(all_there));
}

TEST_CASE("a click shows in Redis within half a second, and in ClickHouse within two",
          "[integration][shared]") {
    SharedStores stores;
    RunningService service([&](auto& config) { stores.use(config); });
    service.add_link("a");
    const std::string id = service.api("GET", "/v1/links/a").second["id"].get<std::string>();
    visit(service, "a", 1);
    const std::int64_t begin_ns = monotonic_ns();
    CHECK(eventually([&] { return clicks_in_redis(stores, id) == "1"; }));
    CHECK(monotonic_ns() - begin_ns < 500'000'000);
    if (!stores.clickhouse) return;
    CHECK(eventually([&] {
        return stores.ask_clickhouse("SELECT sum(clicks) FROM qck_analytics.link_events") == "1";
    }));
    CHECK(monotonic_ns() - begin_ns < 2'000'000'000);
}

}  // namespace
}  // namespace qck::test
