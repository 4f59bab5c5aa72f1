// `qck reconcile` beside a service, over every shared store: what differs is named, and repaired.
#include <fstream>
#include <thread>

#include "cli/commands/service.hpp"
#include "tests/integration/reconcile_question.hpp"
#include "tests/integration/shared_stores.hpp"
#include "tests/support/run_program.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* repair = R"({"repair": true})";
constexpr const char* repair_and_lower = R"({"repair": true, "allow_lower": true})";

/// Returns once the local store has counted them.
void visit_and_count(RunningService& service, const std::string& code, int times) {
    visit(service, code, times);
    REQUIRE(eventually([&] { return compared(service).pending == 0; }));
}

std::string add_link(RunningService& service, const std::string& code) {
    service.add_link(code);
    return service.api("GET", "/v1/links/" + code).second["id"].get<std::string>();
}

std::string redis_says(const SharedStores& stores, const std::vector<std::string>& command) {
    std::string text = stores.redis.cli(command);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

std::uint64_t clicks_of(const reconcile::Comparison& comparison, const std::string& store) {
    for (const auto& each : comparison.stores) {
        if (each.name == store) return each.clicks;
    }
    FAIL("there is no " << store);
    return 0;
}

/// Waits for the end of deletions.
void delete_rows(const SharedStores& stores, const std::string& which) {
    stores.ask_clickhouse("ALTER TABLE qck_analytics.link_events_local DELETE WHERE " + which);
    REQUIRE(eventually([&] {
        return stores.ask_clickhouse(
                   "SELECT count() FROM system.mutations WHERE table = 'link_events_local' AND NOT "
                   "is_done") == "0";
    }));
}

std::string hourly_clicks(const SharedStores& stores) {
    return stores.ask_clickhouse("SELECT sum(clicks) FROM qck_analytics.link_events_hourly");
}

ProgramRun reconcile_program(RunningService& service, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"reconcile", "--admin", "http://" + service.address("admin").to_string()});
    return run_program(QCK_PROGRAM, arguments);
}

}  // namespace

TEST_CASE("a click that ClickHouse lacks or has twice is named by link and minute (P3)",
          "[integration][shared][reconcile][P3]") {
    SharedStores stores;
    if (!stores.clickhouse) {
        WARN("skipped: clickhouse-server is not installed");
        return;
    }
    RunningService service([&](auto& config) { stores.use(config); });
    const std::string a = add_link(service, "a");
    const std::string b = add_link(service, "b");
    visit_and_count(service, "a", 30);
    visit_and_count(service, "b", 40);

    // Both sides compute the same hashes, or nothing would agree.
    const auto same = compared(service);
    CHECK(same.agrees());
    REQUIRE(same.minutes);
    CHECK(same.minutes->clicks == 70);
    CHECK(same.minutes->differing == 0);

    const std::string lost = stores.ask_clickhouse(
        "SELECT min(sequence) FROM qck_analytics.link_events WHERE link_id = " + b);
    const std::string minute = stores.ask_clickhouse(
        "SELECT toString(toStartOfMinute(event_time)) FROM qck_analytics.link_events WHERE "
        "sequence = " +
        lost);
    delete_rows(stores, "sequence = " + lost);
    const auto found = compared(service);
    CHECK_FALSE(found.agrees());
    CHECK(found.drifting == 1);
    REQUIRE(found.minutes->drifts.size() == 1);
    CHECK(found.minutes->drifts[0].code == "b");
    CHECK(reconcile::minute_text(found.minutes->drifts[0].minute).substr(11, 5) ==
          minute.substr(11, 5));
    CHECK(found.minutes->drifts[0].store.clicks + 1 == found.minutes->drifts[0].journal.clicks);
    const auto shown = reconcile_program(service, {});
    CHECK(shown.exit_code == 1);
    INFO(shown.out);
    CHECK(contains(shown.out, minute.substr(0, 16)));

    // Another row twice: the counts agree, the clicks do not.
    stores.ask_clickhouse(
        "INSERT INTO qck_analytics.link_events_local SELECT node, shard, epoch, sequence, link_id, "
        "user_id, short_code, event_time, event_ms, ip_kind, ip, user_agent, referrer, country, "
        "region, city, device, browser, os, class, clicks FROM qck_analytics.link_events_local "
        "WHERE link_id = " +
        b + " ORDER BY sequence LIMIT 1");
    const auto swapped = compared(service);
    CHECK(swapped.drifting == 0);
    CHECK_FALSE(swapped.agrees());

    // Repair brings the one, and leaves the other until it may lower.
    const auto raised = compared(service, repair);
    CHECK_FALSE(raised.agrees());
    CHECK(clicks_of(raised, "clickhouse") == 71);
    CHECK(raised.notes.size() == 1);
    const auto repaired = compared(service, repair_and_lower);
    CHECK(repaired.agrees());
    CHECK(stores.ask_clickhouse("SELECT count(), uniqExact(sequence, shard) FROM "
                                "qck_analytics.link_events") == "70\t70");
    CHECK(hourly_clicks(stores) == "70");
}

TEST_CASE("nothing is lowered without --allow-lower, and with it everything to the journal",
          "[integration][shared][reconcile]") {
    SharedStores stores;
    RunningService service([&](auto& config) { stores.use(config); });
    RunningService other([&](auto& config) { stores.use(config); });
    const std::string a = add_link(service, "a");
    visit_and_count(service, "a", 20);
    visit_and_count(other, "a", 5);
    CHECK(compared(service).agrees());
    CHECK(compared(other).agrees());

    const std::string key = "clicks:{" + a + "}";
    const std::string field = redis_says(stores, {"HKEYS", key + ":by"});
    REQUIRE(!field.empty());
    stores.redis.cli({"SET", key, "900"});
    stores.postgres.sql("UPDATE links SET click_count = 800");
    if (stores.clickhouse) {
        stores.ask_clickhouse(
            "INSERT INTO qck_analytics.link_events_local SELECT node, shard, epoch, sequence, "
            "link_id, user_id, short_code, event_time, event_ms, ip_kind, ip, user_agent, "
            "referrer, country, region, city, device, browser, os, class, clicks FROM "
            "qck_analytics.link_events_local");
    }
    const auto kept = compared(service, repair);
    CHECK_FALSE(kept.agrees());
    CHECK_FALSE(kept.notes.empty());
    CHECK(redis_says(stores, {"GET", key}) == "900");
    CHECK(stores.postgres.sql("SELECT click_count FROM links") == "800\n");

    for (RunningService* const each : {&service, &other}) {
        const auto lowered = compared(*each, repair_and_lower);
        INFO(to_json(lowered));
        CHECK(lowered.agrees());
    }
    CHECK(redis_says(stores, {"GET", key}) == "25");
    CHECK(stores.postgres.sql("SELECT click_count FROM links") == "25\n");

    // Totals of this instance itself, and of shards that it does not have.
    const std::string mine = field.substr(0, field.find('.'));
    stores.redis.cli({"HSET", key + ":by", mine + ".77.human", "60"});
    stores.redis.cli({"INCRBY", key, "60"});
    stores.postgres.sql("UPDATE link_click_totals SET total = total + 7");
    stores.postgres.sql("UPDATE links SET click_count = click_count + 14");
    for (RunningService* const each : {&service, &other}) {
        CHECK_FALSE(compared(*each, repair).agrees());
    }
    for (RunningService* const each : {&service, &other}) compared(*each, repair_and_lower);
    for (RunningService* const each : {&service, &other}) CHECK(compared(*each).agrees());
    CHECK(redis_says(stores, {"GET", key}) == "25");
    CHECK(stores.postgres.sql("SELECT click_count FROM links") == "25\n");

    // What is lowered counts on.
    visit_and_count(service, "a", 3);
    CHECK(eventually([&] { return redis_says(stores, {"GET", key}) == "28"; }));
    CHECK(compared(service).agrees());
}

TEST_CASE("a link in a burst is held back from stores, which is no drift",
          "[integration][shared][reconcile]") {
    SharedStores stores;
    RunningService service([&](auto& config) { stores.use(config); });
    add_link(service, "calm");
    add_link(service, "viral");
    visit_and_count(service, "viral", 10);
    CHECK(compared(service).agrees());
    const auto force = [&](const char* mode) {
        const auto answer = admin_of(service).send("POST", "/v1/mode/viral",
                                                   std::string(R"({"mode": ")") + mode + "\"}");
        REQUIRE(answer.has_value());
        REQUIRE(answer->status == 200);
    };
    force("burst");
    visit_and_count(service, "viral", 25);
    visit_and_count(service, "calm", 5);
    const std::int64_t begin_ns = monotonic_ns();
    const auto held = compared(service);
    CHECK(monotonic_ns() - begin_ns < 10'000'000'000);
    CHECK(held.agrees());
    for (const auto& store : held.stores) {
        INFO(store.name);
        const bool waits = store.name == "postgres" || store.name == "clickhouse";
        CHECK(store.held_back == (waits ? 25 : 0));
        CHECK(store.clicks + store.held_back == 40);
    }
    const auto shown = reconcile_program(service, {});
    INFO(shown.out << shown.err);
    CHECK(shown.exit_code == 0);
    CHECK(contains(shown.out, "held back from postgres while in a burst: 25 clicks of 1 link"));

    // A loss beside it is drift all the same.
    stores.postgres.sql("UPDATE links SET click_count = 1 WHERE short_code = 'calm'");
    CHECK_FALSE(compared(service).agrees());
    CHECK(compared(service, repair).agrees());

    force("normal");
    const auto after = compared(service);
    CHECK(after.agrees());
    for (const auto& store : after.stores) CHECK(store.clicks == 40);
}

TEST_CASE("keys of single seconds are cleaned up, and counts stay", "[integration][shared]") {
    SharedStores stores(false);
    RunningService service([&](auto& config) { stores.use(config); });
    const std::string a = add_link(service, "a");
    visit_and_count(service, "a", 4);
    CHECK(compared(service).agrees());
    stores.redis.cli({"EVAL",
                      "for second = 1700000000, 1700002499 do "
                      "redis.call('SET', 'clicks:{' .. ARGV[1] .. '}:' .. second, 7) "
                      "redis.call('SET', 'clicks:{x}:' .. second .. 'y', 7) end",
                      "0", a});
    const auto shown = reconcile_program(service, {"--clean", "--json"});
    INFO(shown.out << shown.err);
    CHECK(shown.exit_code == 0);
    CHECK(nlohmann::json::parse(shown.out)["cleaned"] == 2'500);
    CHECK(redis_says(stores, {"GET", "clicks:{" + a + "}"}) == "4");
    CHECK(redis_says(stores, {"EXISTS", "clicks:{" + a + "}:by"}) == "1");
    CHECK(redis_says(stores, {"EXISTS", "clicks:{x}:1700000000y"}) == "1");
    CHECK(compared(service).agrees());
}

TEST_CASE("clicks whose segments are gone come back to ClickHouse as weights (P3)",
          "[integration][shared][reconcile][P3]") {
    SharedStores stores;
    if (!stores.clickhouse) {
        WARN("skipped: clickhouse-server is not installed");
        return;
    }
    RunningService service([&](auto& config) {
        stores.use(config);
        config.threads = 1;
        config.segment_bytes = 64 * 1024;
        config.journal_keep.bytes = 64 * 1024;
    });
    add_link(service, "a");
    add_link(service, "b");
    for (int round = 0; round < 5; ++round) {
        visit_and_count(service, "a", 800);
        visit_and_count(service, "b", 400);
    }
    // Segments that everybody has are removed.
    REQUIRE(eventually([&] {
        const auto now = compared(service);
        return now.agrees() && now.journal == 6'000 && now.minutes && now.minutes->clicks < 4'000;
    }));
    for (const char* table : {"link_events_local", "link_events_hourly_local"}) {
        stores.ask_clickhouse(std::string("TRUNCATE TABLE qck_analytics.") + table);
    }
    stores.redis.cli({"FLUSHALL"});
    CHECK_FALSE(compared(service).agrees());
    const auto repaired = compared(service, repair);
    INFO(to_json(repaired));
    CHECK(repaired.agrees());
    REQUIRE(repaired.notes.size() == 3);
    CHECK(repaired.notes[0] == "redis was given 6,000 clicks that it lacked, of 2 links");
    CHECK(repaired.notes[1] == "clickhouse was given 6,000 clicks that it lacked, of 2 links");
    CHECK(stores
              .ask_clickhouse("SELECT link_id, sum(clicks) AS clicks FROM "
                              "qck_analytics.link_events GROUP BY link_id ORDER BY clicks")
              .ends_with("\t4000"));
    CHECK(std::stoul(stores.ask_clickhouse("SELECT count() FROM qck_analytics.link_events")) <
          4'000);
    CHECK(hourly_clicks(stores) == "6000");
    CHECK(compared(service, repair).agrees());
    CHECK(stores.ask_clickhouse("SELECT sum(clicks) FROM qck_analytics.link_events") == "6000");

    // A table that was lost while the hourly one was not: that does not count twice.
    stores.ask_clickhouse("DROP TABLE qck_analytics.link_events_local");
    stores.make_clickhouse_schema();
    CHECK(compared(service, repair).agrees());
    CHECK(hourly_clicks(stores) == "6000");
}

TEST_CASE("a stopped service's journal is compared with the shared stores, too",
          "[integration][shared][reconcile]") {
    SharedStores stores;
    RunningService service([&](auto& config) { stores.use(config); });
    const std::string a = add_link(service, "a");
    visit_and_count(service, "a", 12);
    CHECK(compared(service).agrees());
    std::vector<std::string> arguments{"reconcile",
                                       "--data-dir",
                                       service.config.data_dir.string(),
                                       "--redis",
                                       stores.redis.config().url.to_string(),
                                       "--postgres",
                                       stores.postgres.url()};
    if (stores.clickhouse) {
        arguments.insert(arguments.end(), {"--clickhouse", stores.clickhouse->url()});
    }
    const auto beside = run_program(QCK_PROGRAM, arguments);
    INFO(beside.out << beside.err);
    CHECK(beside.exit_code == 0);
    CHECK(contains(beside.out, "were not compared"));

    // Its links are not in the directory.
    const std::vector<std::string> by_code{"reconcile", "--data-dir",
                                           service.config.data_dir.string(), "--link", "a"};
    const auto elsewhere = run_program(QCK_PROGRAM, by_code);
    CHECK(elsewhere.exit_code == 2);
    CHECK(contains(elsewhere.err, "are in a PostgreSQL: ask the service that runs there"));

    service.stop();
    CHECK(contains(run_program(QCK_PROGRAM, by_code).err, "are in a PostgreSQL: name it"));
    const auto same = run_program(QCK_PROGRAM, arguments);
    INFO(same.out << same.err);
    CHECK(same.exit_code == 0);
    CHECK(contains(same.out, "= redis 12 = postgres 12"));

    stores.redis.cli({"SET", "clicks:{" + a + "}", "13"});
    if (stores.clickhouse) delete_rows(stores, "sequence = 3");
    const auto differs = run_program(QCK_PROGRAM, arguments);
    INFO(differs.out << differs.err);
    CHECK(differs.exit_code == 1);
    CHECK(contains(differs.out, "+1 in redis"));
    CHECK(contains(differs.out, "differs. Repair: qck reconcile --admin URL --repair"));
    if (stores.clickhouse) CHECK(contains(differs.out, "1 minute differs in clickhouse"));

    arguments[6] = "nowhere";  // of --postgres
    const auto wrong = run_program(QCK_PROGRAM, arguments);
    INFO(wrong.err);
    CHECK(wrong.exit_code == 2);
}

}  // namespace qck::test
