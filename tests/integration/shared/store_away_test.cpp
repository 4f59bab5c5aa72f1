// What operators see and can do while a store is away.
#include "services/stores/postgres/schema.hpp"
#include "tests/integration/reconcile_question.hpp"
#include "tests/integration/shared_stores.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

ProgramRun run(const RunningService& service, const std::vector<std::string>& words) {
    return run_program(QCK_PROGRAM, words,
                       {"QCK_ADMIN=http://" + service.address("admin").to_string()});
}

nlohmann::json standing_of(const RunningService& service, const std::string& code) {
    const auto shown = run(service, {"mode", "show", "--json"});
    REQUIRE(shown.exit_code == 0);
    const auto list = nlohmann::json::parse(shown.out);
    for (const auto& link : list["links"]) {
        if (link["code"] == code) return link;
    }
    return nullptr;
}

void make_schema(const PostgresServer& server) {
    postgres::PoolOptions options;
    options.url = server.url();
    postgres::Pool pool(options);
    const auto connection = pool.take();
    REQUIRE(connection.has_value());
    REQUIRE(postgres::migrate(**connection).has_value());
}

}  // namespace

TEST_CASE("qck status names a store that is stopped or hangs, though nobody needs it",
          "[integration][shared][V12][P5]") {
    SharedStores stores;
    RunningService service([&](auto& config) { stores.use(config); });
    service.add_link("a");
    visit(service, "a", 3);
    CHECK(compared(service).agrees());
    const auto is_well = [&] { return run(service, {"status"}).exit_code == 0; };
    REQUIRE(eventually(is_well));

    struct Outage {
        const char* store;
        std::function<void()> begin;
        std::function<void()> end;
    };
    std::vector<Outage> outages{
        {"redis", [&] { stores.redis.stop(); }, [&] { stores.redis.start(); }},
        {"redis", [&] { stores.redis.hang(); }, [&] { stores.redis.go_on(); }},
        {"postgres", [&] { stores.postgres.stop(); }, [&] { stores.postgres.start(); }},
        {"postgres", [&] { stores.postgres.hang(); }, [&] { stores.postgres.go_on(); }}};
    if (stores.clickhouse) {
        outages.push_back({"clickhouse", [&] { stores.clickhouse->kill(); },
                           [&] { REQUIRE(stores.clickhouse->start()); }});
        outages.push_back({"clickhouse", [&] { stores.clickhouse->stop(); },
                           [&] { stores.clickhouse->go_on(); }});
    }
    for (const Outage& outage : outages) {
        INFO(outage.store);
        outage.begin();
        ProgramRun shown;
        CHECK(within(12s, [&] {
            shown = run(service, {"status"});
            return shown.exit_code == 1;
        }));
        INFO(shown.out << shown.err);
        CHECK(contains(shown.out, "AWAY"));
        CHECK(contains(shown.err, "qck status: " + std::string(outage.store) + " is away: "));
        CHECK(shown.err.find("is away") == shown.err.rfind("is away"));
        // It redirects what it has: nobody is to take it out of a load balancer.
        CHECK(service.get_text("admin", "/ready").starts_with("HTTP/1.1 200 "));
        outage.end();
        CHECK(eventually(is_well));
    }
}

TEST_CASE("why a store is away is its latest failure, and when it is tried next is told",
          "[integration][shared][V12]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) {
        stores.use(config);
        config.breaker = {2, 1h};
    });
    service.add_link("a");
    visit(service, "a", 3);
    CHECK(compared(service).agrees());
    stores.redis.stop();
    stores.postgres.stop();
    visit(service, "a", 3);
    ProgramRun shown;
    const auto told = [&](const std::string& store, const std::string& why) {
        shown = run(service, {"status"});
        const auto at = shown.err.find("qck status: " + store + " is away: ");
        if (at == std::string::npos) return false;
        const auto line = shown.err.substr(at, shown.err.find('\n', at) - at);
        return contains(line, why) && contains(line, "; next try in 3,5");
    };
    CHECK(eventually([&] { return told("redis", "refused"); }));
    CHECK(eventually([&] { return told("postgres", "refused"); }));
    INFO(shown.out << shown.err);
    CHECK(contains(shown.out, "; next try in 3,5"));
    // Its delivery leaves it alone, and knows the first reason only.
    stores.postgres.start();
    stores.postgres.hang();
    CHECK(eventually([&] { return told("postgres", "") && !told("postgres", "refused"); }));
    stores.postgres.go_on();
}

TEST_CASE("a ClickHouse that lost one of its nodes is degraded, and the node is named",
          "[integration][shared][V12][L10][skippable]") {
    if (!ClickhouseServer::installed()) QCK_SKIP("no clickhouse-server");
    SharedStores stores;
    const auto gone = "127.0.0.1:" + std::to_string(free_port());
    RunningService service([&](auto& config) {
        config.clickhouse =
            *clickhouse::parse_clickhouse_url(stores.clickhouse->url() + "," + gone);
    });
    service.add_link("a");
    visit(service, "a", 3);
    ProgramRun shown;
    CHECK(eventually([&] {
        shown = run(service, {"status"});
        return contains(shown.out, "clickhouse DEGRADED ");
    }));
    INFO(shown.out << shown.err);
    CHECK(shown.exit_code == 0);
    CHECK(contains(shown.err,
                   "qck status: clickhouse is degraded: cannot reach ClickHouse at "
                   "http://" +
                       gone + ": "));
    CHECK(eventually([&] {
        return stores.ask_clickhouse("SELECT sum(clicks) FROM qck_analytics.link_events") == "3";
    }));
    const auto status = nlohmann::json::parse(run(service, {"status", "--json"}).out);
    const auto& nodes = status["instances"][0]["status"]["stores"][0]["nodes"];
    INFO(nodes.dump());
    REQUIRE(nodes.size() == 2);
    CHECK(nodes[0]["up"] == true);
    CHECK(nodes[1]["up"] == false);
    CHECK(nodes[1]["address"] == "http://" + gone);

    stores.clickhouse->kill();
    CHECK(within(12s, [&] {
        shown = run(service, {"status"});
        return shown.exit_code == 1;
    }));
    CHECK(contains(shown.out, "clickhouse AWAY "));
}

TEST_CASE("qck reconcile says what it waits for, and leaves a service that hangs",
          "[integration][shared][reconcile]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) { stores.use(config); });
    service.add_link("a");
    visit(service, "a", 3);
    CHECK(compared(service).agrees());
    const std::vector<std::string> command{"reconcile", "--admin",
                                           "http://" + service.address("admin").to_string()};
    stores.redis.hang();
    visit(service, "a", 3);
    REQUIRE(eventually(
        [&] { return contains(service.get_text("admin", "/v1/status"), "\"counted\": 6"); }));
    const auto waited = run(service, command);
    stores.redis.go_on();
    INFO(waited.err);
    CHECK(waited.exit_code == 3);
    CHECK(contains(waited.err, "qck reconcile: waits, since redis is away: "));
    CHECK(contains(waited.err,
                   "qck reconcile: waits at most 30 s for redis to take what was "
                   "counted (links missing: 1)"));
    CHECK(contains(waited.err, "redis has not taken what was counted (links missing: 1)"));

    // It accepts connections (its kernel does) and answers nobody.
    const auto listening = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
    REQUIRE(listening.has_value());
    const auto silent = net::local_address(listening->front().get());
    const std::int64_t begin_ns = monotonic_ns();
    const auto left =
        run_program(QCK_PROGRAM, {"reconcile", "--admin", "http://" + silent->to_string()});
    CHECK(monotonic_ns() - begin_ns < 30'000'000'000);
    CHECK(left.exit_code == 3);
    CHECK(contains(left.err, " has not said anything for 10 s"));
    CHECK(left.err.find('\n') == left.err.size() - 1);
}

TEST_CASE("a table that is missing is named by qck reconcile, and is no drift",
          "[integration][shared][reconcile][P3]") {
    SharedStores stores;
    RunningService service([&](auto& config) { stores.use(config); });
    service.add_link("a");
    visit(service, "a", 3);
    CHECK(compared(service).agrees());
    const auto refused = [&](const std::string& table) {
        const auto told = run(
            service, {"reconcile", "--admin", "http://" + service.address("admin").to_string()});
        INFO(told.out << told.err);
        CHECK(told.exit_code == 3);
        CHECK(told.out.empty());
        CHECK(told.err.starts_with("qck reconcile: "));
        CHECK(contains(told.err, " table " + table + " (run qck init"));
        CHECK(told.err.ends_with(", then qck reconcile --repair\n"));
        CHECK(told.err.find('\n') == told.err.size() - 1);
    };
    stores.postgres.sql("DROP TABLE link_click_totals");
    refused("link_click_totals");
    make_schema(stores.postgres);
    if (!stores.clickhouse) return;
    for (const std::string table : {"link_events_local", "link_events", "link_events_hourly_local",
                                    "link_events_hourly_states"}) {
        stores.ask_clickhouse("DROP TABLE qck_analytics." + table);
        refused("qck_analytics." + table);
        stores.make_clickhouse_schema();
    }
    stores.ask_clickhouse("DROP DATABASE qck_analytics");
    refused("qck_analytics.link_events_local");
}

TEST_CASE("a comparison whose client hung up leaves the way to the next",
          "[integration][shared][reconcile]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) { stores.use(config); });
    service.add_link("a");
    visit(service, "a", 3);
    CHECK(compared(service).agrees());
    stores.redis.hang();
    visit(service, "a", 3);
    const auto status = [&] { return service.get_text("admin", "/v1/status"); };
    REQUIRE(eventually([&] { return contains(status(), "\"counted\": 6"); }));
    const auto waits = [&] { return contains(status(), "\"settling\""); };
    {
        RawClient leaving(service.address("admin"));
        leaving.send(
            "POST /v1/reconcile HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n{}");
        REQUIRE(eventually(waits));
    }
    CHECK(within(5s, [&] { return !waits(); }));
    stores.redis.go_on();
    const auto next =
        run(service, {"reconcile", "--admin", "http://" + service.address("admin").to_string()});
    INFO(next.err);
    CHECK(next.exit_code == 0);
}

TEST_CASE("a PostgreSQL that comes after the start is refused until it has the schema",
          "[integration][shared]") {
    PostgresServer server;
    server.stop();
    RunningService service([&](auto& config) { config.postgres = server.url(); });
    const auto asked = [&] { return service.api("GET", "/v1/links/a"); };
    CHECK(asked().first == 503);
    server.start();
    REQUIRE(
        eventually([&] { return contains(asked().second.dump(), "run qck init --postgres URL"); }));
    CHECK(asked().first == 503);
    make_schema(server);
    CHECK(eventually([&] { return asked().first == 404; }));
    service.add_link("a");
    CHECK(asked().first == 200);
}

TEST_CASE("what an instance finds lost is given again by others of its database, whatever that is",
          "[integration][shared][P3]") {
    SharedStores stores(false);
    const auto use = [&](auto& config) {
        stores.use(config);
        config.redis->url.db = 1;
    };
    RunningService here(use);
    RunningService there(use);
    here.add_link("a");
    const auto id = here.api("GET", "/v1/links/a").second["id"].get<std::string>();
    visit(here, "a", 30);
    visit(there, "a", 20);
    const auto has = [&](const std::string& clicks) {
        return stores.redis.cli({"-n", "1", "GET", "clicks:{" + id + "}"}) == clicks + "\n";
    };
    REQUIRE(eventually([&] { return has("50"); }));
    stores.redis.cli({"-n", "1", "DEL", "clicks:{" + id + "}", "clicks:{" + id + "}:by"});
    visit(here, "a", 1);
    CHECK(eventually([&] { return has("51"); }));
}

TEST_CASE("lookups leave a PostgreSQL that is stopped or hangs alone, until it is found well",
          "[integration][shared][M7]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) {
        config.postgres = stores.postgres.url();
        config.breaker = {2, 1h};  // nobody waits for the end of that period
    });
    const auto metric = [&](const std::string& name) {
        const auto text = service.get_text("admin", "/metrics");
        const auto at = text.find("\n" + name + "{store=\"postgres\",use=\"lookups\"} ");
        REQUIRE(at != std::string::npos);
        return std::stod(text.substr(text.find("} ", at) + 2));
    };
    const auto status = [&](const std::string& code) {
        return service.get("/" + code).substr(9, 3);
    };
    for (const char* const code : {"a", "b", "c"}) service.add_link(code);
    REQUIRE(status("a") == "302");
    CHECK(metric("qck_breaker_open") == 0);

    struct Outage {
        const char* what;
        const char* link;  ///< nobody asked for it before
        std::function<void()> begin;
        std::function<void()> end;
    };
    const Outage outages[] = {
        {"hangs", "b", [&] { stores.postgres.hang(); }, [&] { stores.postgres.go_on(); }},
        {"is stopped", "c", [&] { stores.postgres.stop(); }, [&] { stores.postgres.start(); }}};
    for (const Outage& outage : outages) {
        INFO(outage.what);
        const double opened = metric("qck_breaker_opened_total");
        outage.begin();
        int unknown = 0;
        REQUIRE(eventually([&] {
            CHECK(status("unknown" + std::to_string(++unknown) + outage.link) == "503");
            return metric("qck_breaker_open") == 1;
        }));
        CHECK(metric("qck_breaker_opened_total") == opened + 1);
        const double refused = metric("qck_breaker_refused_total");
        const std::int64_t begin_ns = monotonic_ns();
        for (int n = 0; n < 20; ++n) {
            CHECK(status("left" + std::to_string(n) + outage.link) == "503");
            CHECK(status("a") == "302");
        }
        // A lookup that nobody answers is waited for for a second.
        CHECK(monotonic_ns() - begin_ns < 1'000'000'000);
        CHECK(metric("qck_breaker_refused_total") == refused + 20);
        // A link that cannot be asked for is none that is not there.
        const auto compared = run_program(
            QCK_PROGRAM, {"reconcile", "--admin", "http://" + service.address("admin").to_string(),
                          "--link", "a"});
        INFO(compared.err);
        CHECK(compared.exit_code == 3);
        CHECK_FALSE(contains(compared.err, "there is no link"));
        for (const std::string target : {"/v1/links/a", "/v1/links", "/v1/links/a/stats"}) {
            INFO(target);
            const auto answer = service.get_text("api", target);
            CHECK(answer.starts_with("HTTP/1.1 503 "));
            CHECK(contains(answer, "\r\nRetry-After: "));
        }
        CHECK(monotonic_ns() - begin_ns < 1'000'000'000);
        outage.end();
        CHECK(eventually([&] { return status(outage.link) == "302"; }));
        CHECK(metric("qck_breaker_open") == 0);
    }
}

TEST_CASE("modes are set without PostgreSQL, and those of removed links are set free",
          "[integration][shared][modes][V11]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) { stores.use(config); });
    service.add_link("viral");
    visit(service, "viral", 1);
    stores.postgres.stop();
    const auto set = run(service, {"mode", "set", "viral", "burst"});
    INFO(set.out << set.err);
    CHECK(set.exit_code == 0);
    CHECK(standing_of(service, "viral")["mode"] == "burst");
    const auto unknown = run(service, {"mode", "set", "nosuch", "burst"});
    CHECK(unknown.exit_code != 0);
    CHECK(run(service, {"mode", "set", "viral", "auto"}).exit_code == 0);
    CHECK(eventually([&] { return standing_of(service, "viral").is_null(); }));

    stores.postgres.start();
    REQUIRE(eventually([&] { return service.api("GET", "/v1/links/viral").first == 200; }));
    CHECK(run(service, {"mode", "set", "viral", "elevated"}).exit_code == 0);
    CHECK(service.api("DELETE", "/v1/links/viral").first == 204);
    CHECK(standing_of(service, "viral")["mode"] == "elevated");
    CHECK(run(service, {"mode", "set", "viral", "auto"}).exit_code == 0);
    CHECK(eventually([&] { return standing_of(service, "viral").is_null(); }));
    CHECK(run(service, {"mode", "set", "viral", "auto"}).exit_code != 0);
}

TEST_CASE("a link whose mode rises while nobody can say its code is pinned once somebody can",
          "[integration][shared][modes][V7]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) {
        stores.use(config);
        config.bursts.thresholds = {200, 1e9, 60s};
    });
    service.add_link("viral");
    visit(service, "viral", 1);
    stores.postgres.stop();
    const auto is_elevated = [&] {
        visit(service, "viral", 100);
        return contains(run(service, {"mode", "show", "--json"}).out, "elevated");
    };
    REQUIRE(eventually(is_elevated));
    CHECK(standing_of(service, "viral").is_null());
    stores.postgres.start();
    CHECK(eventually([&] { return !standing_of(service, "viral").is_null(); }));
    CHECK(eventually([&] {
        return contains(service.get_text("admin", "/metrics"), "qck_cache_pinned{level=\"l1\"} ") &&
               !contains(service.get_text("admin", "/metrics"), "qck_cache_pinned{level=\"l1\"} 0");
    }));
}

TEST_CASE("two servers of Redis that are no cluster are refused at the start",
          "[integration][shared]") {
    const RedisServer a;
    const RedisServer b;
    const TemporaryDirectory directory;
    std::vector<std::string> words{"30", QCK_PROGRAM, "serve", "--data-dir",
                                   (directory.path() / "data").string()};
    for (const char* const flag : {"--listen", "--api", "--ingest", "--admin"}) {
        words.insert(words.end(), {flag, "127.0.0.1:0"});
    }
    words.insert(words.end(), {"--redis", a.url() + "," + b.url()});
    const auto refused = run_program("/usr/bin/timeout", words);
    INFO(refused.err);
    CHECK(refused.exit_code == 2);
    CHECK(refused.out.empty());
    CHECK(refused.err.starts_with("qck serve: --redis: " + a.url() + " is no node of a cluster"));
    CHECK(refused.err.find('\n') == refused.err.size() - 1);
    CHECK_FALSE(std::filesystem::exists(directory.path() / "data"));
}

TEST_CASE("clicks that a burst keeps from PostgreSQL are in a link's counts all the same",
          "[integration][shared][modes][V7]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) {
        config.postgres = stores.postgres.url();
        config.postgres_sync = 100ms;
    });
    service.add_link("viral");
    visit(service, "viral", 3);
    const auto clicks = [&] {
        const auto stats = service.api("GET", "/v1/links/viral/stats").second;
        INFO(stats.dump());
        CHECK(stats["of"] == "every instance");
        return stats["clicks"].get<int>();
    };
    const auto given = [&] {
        return stores.postgres.sql("SELECT sum(total) FROM link_click_totals");
    };
    REQUIRE(eventually([&] { return given() == "3\n"; }));
    CHECK(run(service, {"mode", "set", "viral", "burst"}).exit_code == 0);
    visit(service, "viral", 20);
    CHECK(eventually([&] { return clicks() == 23; }));
    CHECK(given() == "3\n");
}

TEST_CASE("visitors that Redis has not been told of hold no segments of the journal",
          "[integration][shared][uniques]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) {
        stores.use(config);
        config.threads = 1;
        config.segment_bytes = 64 * 1024;
        config.journal_keep.bytes = 64 * 1024;
        config.bursts.thresholds = {1e9, 1e9, 10s};
    });
    service.add_link("a");
    visit(service, "a", 10);
    stores.redis.stop();
    for (int round = 0; round < 8; ++round) visit(service, "a", 1'000);
    CHECK(eventually([&] {
        const auto status = service.get_text("admin", "/v1/status");
        const auto json = nlohmann::json::parse(status.substr(status.find("\r\n\r\n")));
        return json["journal"]["counted"] == 8'010 && json["journal"]["segments"] < 6;
    }));
}

}  // namespace qck::test
