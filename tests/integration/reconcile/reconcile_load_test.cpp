// `qck reconcile` beside a service that is busy, with many links that differ, or with a store away.
#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include "cli/commands/service.hpp"
#include "services/stores/redis/protocol/key_slot.hpp"
#include "tests/integration/many_links.hpp"
#include "tests/integration/reconcile_question.hpp"
#include "tests/support/redis_cluster.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

/// Visits a link without a pause until its end.
class Visitors {
public:
    Visitors(RunningService& service, const std::string& code)
        : thread_([this, &service, code] {
              RawClient raw(service.address("redirect"));
              while (!stop_) {
                  raw.send("GET /" + code + " HTTP/1.1\r\nHost: qck.test\r\n\r\n");
                  if (!raw.response().starts_with("HTTP/1.1 302")) return;
                  ++visits_;
              }
          }) {}
    ~Visitors() {
        stop_ = true;
        thread_.join();
    }
    std::uint64_t visits() const { return visits_; }

private:
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> visits_{0};
    std::thread thread_;
};

std::size_t occurrences(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
}

unsigned status_of(const Result<client::RestAnswer>& answer) { return answer ? answer->status : 0; }

}  // namespace

TEST_CASE("counts are compared while clicks come in without a pause, and agree",
          "[integration][shared][reconcile]") {
    SharedStores stores;
    RunningService service([&](auto& config) {
        stores.use(config);
        config.bursts.thresholds.elevated_per_s = config.bursts.thresholds.burst_per_s = 1e9;
    });
    service.add_link("busy");
    service.add_link("calm");
    const Visitors visitors(service, "busy");
    REQUIRE(eventually([&] { return compared(service).journal > 1'000; }));
    for (int round = 0; round < 5; ++round) {
        const std::int64_t begin_ns = monotonic_ns();
        const std::uint64_t before = visitors.visits();
        const auto now = compared(service);
        INFO(to_json(now));
        CHECK(now.agrees());
        CHECK(visitors.visits() > before);
        CHECK(monotonic_ns() - begin_ns < 15'000'000'000);
    }
}

TEST_CASE("a repair of thousands of links asks once for the codes that it tells",
          "[integration][shared][reconcile][P3]") {
    constexpr std::uint64_t links = 3'000;
    SharedStores stores(false);
    TemporaryDirectory directory;
    make_many_links(stores, directory.path() / "data", links, 1);
    RunningService service([&](auto& config) {
        stores.use(config);
        config.data_dir = directory.path() / "data";
    });
    REQUIRE(eventually([&] { return compared(service).journal == links; }));
    CHECK(compared(service).agrees());

    stores.redis.cli({"FLUSHALL"});
    stores.postgres.sql("ALTER SYSTEM SET log_statement = 'all'");
    stores.postgres.sql("SELECT pg_reload_conf()");
    REQUIRE(eventually([&] {
        stores.postgres.sql("SELECT 'marker'");
        return contains(stores.postgres.log(), "marker");
    }));
    const std::string question = R"({"repair": true})";
    const auto answer = admin_of(service).send("POST", "/v1/reconcile", question);
    REQUIRE(answer.has_value());
    REQUIRE(answer->status == 200);
    const auto repaired = reconcile::comparison_from_json(answer->body);
    REQUIRE(repaired.has_value());
    CHECK(repaired->agrees());
    CHECK(repaired->links == links);
    CHECK(occurrences(stores.postgres.log(), "FROM links WHERE id") < 50);

    // Of many that differ the first thousand are told, by their codes.
    stores.postgres.sql("UPDATE links SET click_count = click_count + 5");
    const auto above = compared(service, question);
    CHECK(above.drifting == links);
    CHECK(above.drifts.size() == reconcile::drifts_named_max);
    CHECK(above.drifts.back().code == "l" + std::to_string(above.drifts.back().link_id));
    CHECK(compared(service, R"({"repair": true, "allow_lower": true})").agrees());
}

TEST_CASE("a comparison that waits for a store holds up neither modes nor the end of the service",
          "[integration][shared][reconcile]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) { stores.use(config); });
    service.add_link("a");
    visit(service, "a", 5);
    CHECK(compared(service).agrees());
    stores.redis.hang();
    visit(service, "a", 5);
    const auto asked = [&](const std::string& path, const std::string& question) {
        return status_of(admin_of(service).send("POST", path, question));
    };
    REQUIRE(eventually(
        [&] { return contains(service.get_text("admin", "/v1/status"), "\"counted\": 10"); }));
    const std::int64_t begin_ns = monotonic_ns();
    std::future<unsigned> waiting[2];
    for (auto& each : waiting) {
        each = std::async(std::launch::async, [&] { return asked("/v1/reconcile", "{}"); });
    }
    // Who asks while one is under way is told so.
    const auto is_done = [](auto& each) { return each.wait_for(0s) == std::future_status::ready; };
    REQUIRE(within(10s, [&] { return is_done(waiting[0]) || is_done(waiting[1]); }));
    if (is_done(waiting[0])) std::swap(waiting[0], waiting[1]);
    CHECK(waiting[1].get() == 409);
    CHECK(asked("/v1/mode/a", R"({"mode": "elevated"})") == 200);
    CHECK(monotonic_ns() - begin_ns < 20'000'000'000);
    REQUIRE_FALSE(is_done(waiting[0]));
    service.stop();
    CHECK(monotonic_ns() - begin_ns < 28'000'000'000);
    waiting[0].get();
    stores.redis.go_on();
}

TEST_CASE("keys of single seconds are cleaned up on every master of a cluster, and counts stay",
          "[integration][shared][reconcile][cluster]") {
    RedisCluster cluster;
    RunningService service([&](auto& config) { config.redis = cluster.config(); });
    for (int link = 0; link < 12; ++link) {
        const std::string code = "l" + std::to_string(link);
        service.add_link(code);
        visit(service, code, 2);
    }
    REQUIRE(eventually([&] { return compared(service).journal == 24; }));
    CHECK(compared(service).agrees());
    constexpr int keys = 1'200;
    for (const std::uint16_t slot : {100, 5'300, 6'000, 10'000, 11'000, 16'300}) {
        cluster.master_of(slot).cli(
            {"EVAL",
             "for second = 1700000000, 1700000000 + ARGV[2] - 1 do "
             "redis.call('SET', 'clicks:{' .. ARGV[1] .. '}:' .. second, 7) end",
             "0", std::to_string(redis::tag_of_slot(slot)), std::to_string(keys)});
    }
    const auto cleaned = compared(service, R"({"clean": true})");
    REQUIRE(cleaned.cleaned);
    CHECK(*cleaned.cleaned == 6 * keys);
    CHECK(cleaned.agrees());
    CHECK(compared(service).agrees());
}

TEST_CASE("of many links in all stores those that differ are named, and no others",
          "[integration][shared][reconcile]") {
    constexpr std::uint64_t links = 20'000;
    std::unique_ptr<RedisCluster> cluster;
    SECTION("one Redis") {}
    SECTION("a cluster, in which the links of a slot are read together") {
        cluster = std::make_unique<RedisCluster>();
    }
    SharedStores stores;
    TemporaryDirectory directory;
    make_many_links(stores, directory.path() / "data", links, 2);
    RunningService service([&](auto& config) {
        stores.use(config);
        if (cluster) config.redis = cluster->config();
        config.data_dir = directory.path() / "data";
    });
    REQUIRE(eventually([&] { return compared(service).journal == 2 * links; }));
    const auto same = compared(service);
    INFO(to_json(same));
    CHECK(same.agrees());
    CHECK(same.links == links);
    for (const auto& store : same.stores) CHECK(store.clicks == 2 * links);

    const RedisServer& redis =
        cluster ? cluster->master_of(redis::slot_of_key("{777}")) : stores.redis;
    redis.cli({"SET", "clicks:{777}", "9"});
    stores.postgres.sql("UPDATE links SET click_count = 1 WHERE id = 19999");
    const auto found = compared(service);
    REQUIRE(found.drifts.size() == 2);
    CHECK(found.drifts[0].code == "l777");
    CHECK(found.drifts[0].stores[1] == 9);
    CHECK(found.drifts[1].code == "l19999");
    CHECK(found.drifts[1].stores[2] == 1);
    CHECK(compared(service, R"({"repair": true, "allow_lower": true})").agrees());
}

}  // namespace qck::test
