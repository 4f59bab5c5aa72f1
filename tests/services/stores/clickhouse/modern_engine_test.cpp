// Every statement and query on a current engine (chdb), beside the 18.16 of the other tests.
#include <fstream>
#include <iomanip>

#include "services/stores/clickhouse/event_block.hpp"
#include "services/stores/clickhouse/event_queries.hpp"
#include "services/stores/clickhouse/reconcile_queries.hpp"
#include "tests/services/stores/clickhouse/clickhouse_fixture.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using namespace qck::clickhouse;
using namespace qck::clickhouse::test;
using qck::test::contains;

namespace {

constexpr int not_to_be_had = 77;

std::string columns_of_insert() {
    const std::string text(insert_events);
    const auto begin = text.find('(');
    return text.substr(begin, text.find(')') - begin + 1);
}

/// What says how to reach a package index from here.
std::vector<std::string> settings_of_pip() {
    std::vector<std::string> settings;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable);
        const auto begins = [text](std::string_view name) { return text.starts_with(name); };
        if (begins("PIP_") || begins("HOME=") || begins("http_proxy=") || begins("https_proxy=")) {
            settings.emplace_back(text);
        }
    }
    return settings;
}

}  // namespace

TEST_CASE("schema, rows and queries suit a current ClickHouse", "[clickhouse][integration]") {
    const qck::test::TemporaryDirectory directory;
    const auto batch = batch_of(1'000);
    const auto minute = static_cast<std::uint32_t>(batch.rows[0].time_ms / 60'000);
    reconcile::MinuteScope scope;
    scope.stretches = {{batch.rows[3].id, batch.rows[6].id}};
    scope.last_minute = minute;
    reconcile::EventDigest four;
    std::string by_link;
    for (std::size_t at = 3; at <= 6; ++at) {
        const auto of_epoch = reconcile::epoch_hash(reconcile::int_hash_64(batch.node), 3, 2);
        const auto hash = reconcile::event_hash(of_epoch, batch.rows[at].id.sequence);
        four.add(hash);
        by_link += std::to_string(batch.rows[at].link_id) + "\t" + std::to_string(minute) +
                   "\t1\t" + std::to_string(hash) + "\n";
    }
    const std::string digest = std::to_string(minute) + "\t4\t" + std::to_string(four.hash);
    {
        std::ofstream rows(directory.path() / "rows.native", std::ios::binary);
        rows << event_blocks(batch);
        std::ofstream statements(directory.path() / "statements");
        SchemaOptions forever;
        forever.retention_days = 36'500;
        for (int again = 0; again < 2; ++again) {
            for (const auto& statement : schema_statements({24, 8}, forever)) {
                statements << statement << "\n;;\n";
            }
            statements << qck::test::text_of_file(QCK_BUFFER_TABLE) << "\n;;\n";
        }
        statements << retention_question(36'500) << "\n;;\n"
                   << retention_question(30) << "\n;;\n"
                   << retention_statement("link_events_local", "event_time", 36'400) << "\n;;\n"
                   << retention_statement("link_events_hourly_local", "hour", 36'400) << "\n;;\n"
                   << retention_question(36'400) << "\n;;\n";
        statements << "INSERT INTO qck_analytics.link_events_local " << columns_of_insert()
                   << " SELECT * FROM file("
                   << std::quoted((directory.path() / "rows.native").string()) << ", Native)\n;;\n";
        for (const std::string& query : std::initializer_list<std::string>{
                 "SELECT count(), sum(clicks), sum(is_bot) FROM qck_analytics.link_events",
                 "SELECT click_id, time_ms, IPv6NumToString(ip), referrer, city, device, class "
                 "FROM qck_analytics.link_events WHERE sequence = 7",
                 "SELECT sum(clicks), sum(human_clicks), max(visitors), max(short_code) FROM "
                 "qck_analytics.link_events_hourly",
                 "SELECT sum(clicks), max(visitors) FROM qck_analytics.link_visitors_daily",
                 "SELECT count() FROM qck_analytics.link_top_day",
                 present_question(batch, 5, 8),
                 minutes_question(batch.node, scope),
                 link_minutes_question(batch.node, scope, std::vector<std::uint32_t>{minute}),
                 older_question(batch.node, scope, std::vector<std::uint64_t>{100}),
                 correct_hours_statement(1'780'000'000, 1'780'000'000),
                 "SELECT sum(clicks), max(visitors) FROM qck_analytics.link_events_hourly",
                 "INSERT INTO qck_analytics.link_events_hourly_local SELECT * FROM "
                 "qck_analytics.link_events_hourly_local",
                 correct_hours_statement(1'780'000'000, 1'780'000'000),
                 "SELECT sum(clicks), max(visitors) FROM qck_analytics.link_events_hourly",
                 take_away_statement(batch.node, scope,
                                     std::vector<reconcile::MinuteDigest>{{103, minute, {}}}) +
                     " SETTINGS mutations_sync = 1",
                 deleting_question(),
                 "SELECT count() FROM qck_analytics.link_events",
                 visitors_question(109, 20200101, 20991231),
                 running_question("none"),
                 lagging_question(),
                 replica_path_question("link_events_local"),
                 months_question("link_events_local"),
                 drop_month_statement("link_events_local", 202605),
                 "SELECT count() FROM qck_analytics.link_events"}) {
            statements << query << "\n;;\n";
        }
    }
    const auto run = qck::test::run_program(
        QCK_MODERN_ENGINE, {QCK_CHDB_ENVIRONMENT, directory.path().string()}, settings_of_pip());
    if (run.exit_code == not_to_be_had) {
        WARN("skipped: chdb cannot be installed here: " << run.err);
        return;
    }
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    const auto first_line = run.out.find('\n');
    CHECK(take(parse_server_version(run.out)) >= ServerVersion{24, 0});
    CHECK(
        run.out.substr(first_line + 1) ==
        // What has another retention: nothing, both, nothing.
        "\n--\nlink_events_hourly_local\nlink_events_local\n--\n\n--\n"
        "1000\t1000\t250\n--\n"
        "abcdef0123456789-3-2-7\t1780000000123\t::ffff:192.0.0.7\thttps://news.example/it\\'s \\\\ "
        "here\\n\tM\xc3\xbcnchen\tmobile\tbot\n--\n"
        "1000\t750\t100\tcode9\n--\n"
        "1000\t100\n--\n"
        "0\n--\n"
        "5\n6\n7\n--\n" +
            digest + "\n--\n" + by_link + "--\n" +
            "100\t0\t494444\t1\n--\n"
            "1000\t100\n--\n"
            "1000\t100\n--\n"
            "0\n--\n"
            "999\n--\n"
            "20260528\t100\n\n0\t100\n--\n"
            "0\n--\n"
            "-\n--\n"
            "\n--\n"
            "202605\n--\n"
            "0\n--\n");
}
