// How many visitors a link had, by real stores.
#include "services/stores/clickhouse/client.hpp"
#include "services/stores/clickhouse/schema.hpp"
#include "tests/integration/service_fixture.hpp"
#include "tests/support/clickhouse_server.hpp"
#include "tests/support/redis_server.hpp"

namespace qck::test {
namespace {

using nlohmann::json;

/// Clicks of addresses from `first` on, on two links, on one of them from each twice, as an edge
/// tells of them.
void visit(RunningService& service, int first, int visitors) {
    std::string body;
    for (int n = first; n < first + visitors; ++n) {
        const std::string ip = "10." + std::to_string(n / 65'536) + "." +
                               std::to_string(n / 256 % 256) + "." + std::to_string(n % 256);
        for (const char* const code : {"much", "much", "other"}) {
            body += json{{"code", code}, {"ip", ip}, {"user_agent", "Mozilla/5.0"}}.dump() + "\n";
        }
    }
    RawClient raw(service.address("ingest"));
    REQUIRE(raw.send(
        "POST /v1/clicks HTTP/1.1\r\nHost: qck.test\r\nContent-Type: application/x-ndjson\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body));
    const std::string response = raw.response();
    INFO(response);
    REQUIRE(response.starts_with("HTTP/1.1 202"));
}

json uniques_of(RunningService& service, const std::string& code) {
    const auto [status, stats] = service.api("GET", "/v1/links/" + code + "/stats");
    REQUIRE(status == 200);
    return stats.value("uniques", json("absent"));
}

/// Ten thousand visitors, told within three standard errors, and once though they came twice.
void check_ten_thousand(RunningService& service, const std::string& store) {
    for (const char* const code : {"much", "other", "none"}) service.add_link(code);
    for (int first = 0; first < 10'000; first += 1'000) visit(service, first, 1'000);
    const auto near = [](const json& count, double error) {
        return count.is_number() && std::abs(count.get<double>() - 10'000) <= 3 * error * 10'000;
    };
    json uniques;
    CHECK(eventually([&] {
        uniques = uniques_of(service, "much");
        return uniques.is_object() && near(uniques["visitors"], uniques["error"]);
    }));
    INFO(uniques.dump());
    REQUIRE(uniques.is_object());
    CHECK(uniques["of"] == store);
    CHECK(uniques["error"].get<double>() <= 0.0081);
    // Of one day, or two at midnight.
    double by_day = 0;
    for (const auto& day : uniques["days"]) by_day += day["visitors"].get<double>();
    CHECK(near(by_day, uniques["error"]));
    CHECK(eventually(
        [&] { return near(uniques_of(service, "other")["visitors"], uniques["error"]); }));
    const json none = uniques_of(service, "none");
    CHECK(none["visitors"] == 0);
    CHECK(none["days"].empty());
}

}  // namespace

TEST_CASE("visitors are counted in Redis, over instances, and not known while it is away",
          "[integration][L10]") {
    RedisServer redis;
    const auto with_redis = [&](auto& config) {
        config.redis = redis.config();
        config.ip_mode = clicks::IpMode::full;
    };
    RunningService here(with_redis);
    check_ten_thousand(here, "redis");
    RunningService there(with_redis);
    there.add_link("elsewhere");
    CHECK(uniques_of(there, "elsewhere")["visitors"] == 0);

    // What Redis lost is told again, as far as the journal has it.
    redis.cli({"FLUSHALL"});
    CHECK(uniques_of(here, "much")["visitors"] == 0);
    client::RestConfig rest;
    rest.service = *client::parse_service_url("http://" + here.address("admin").to_string());
    rest.request_timeout = std::chrono::seconds(60);
    const auto repaired =
        client::RestClient(std::move(rest)).send("POST", "/v1/reconcile", R"({"repair": true})");
    REQUIRE(repaired.has_value());
    CHECK(repaired->status == 200);
    CHECK(eventually([&] { return uniques_of(here, "much")["visitors"] > 9'700; }));

    redis.kill();
    CHECK(uniques_of(here, "much").is_null());
}

TEST_CASE("visitors are counted in ClickHouse", "[integration][L10]") {
    if (!ClickhouseServer::installed()) {
        WARN("skipped: clickhouse-server is not installed here");
        return;
    }
    const auto server = std::make_unique<ClickhouseServer>();
    clickhouse::ClientConfig config;
    config.url = *clickhouse::parse_clickhouse_url(server->url());
    clickhouse::Client client(config);
    REQUIRE(clickhouse::make_schema(client, {}).has_value());
    RunningService service([&](auto& settings) {
        settings.clickhouse = config.url;
        settings.ip_mode = clicks::IpMode::full;
    });
    check_ten_thousand(service, "clickhouse");
    server->kill();
    CHECK(uniques_of(service, "much").is_null());
}

TEST_CASE("without a store, or without addresses, nobody speaks of visitors", "[integration]") {
    RunningService alone;
    alone.add_link("a");
    CHECK(uniques_of(alone, "a") == "absent");
    RedisServer redis;
    RunningService blind([&](auto& config) {
        config.redis = redis.config();
        config.ip_mode = clicks::IpMode::none;
    });
    blind.add_link("a");
    CHECK(uniques_of(blind, "a") == "absent");
    RunningService unwilling([&](auto& config) {
        config.redis = redis.config();
        config.uniques = commands::UniquesIn::off;
    });
    unwilling.add_link("b");
    CHECK(uniques_of(unwilling, "b") == "absent");
}

}  // namespace qck::test
