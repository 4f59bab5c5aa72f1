#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace qck::test;

TEST_CASE("qck init makes the schema, and says so when it is there", "[init][postgres]") {
    PostgresServer server;
    const auto made = run_program(QCK_PROGRAM, {"init", "--postgres", server.url()});
    INFO(made.err);
    CHECK(made.exit_code == 0);
    CHECK(contains(made.out, "postgres " + server.url() + ": made the schema, version "));
    CHECK(server.sql("SELECT count(*) FROM links") == "0\n");

    const auto again =
        run_program(QCK_PROGRAM, {"init", "--json"}, {"QCK_POSTGRES=" + server.url()});
    CHECK(again.exit_code == 0);
    const auto json = nlohmann::json::parse(again.out);
    CHECK(json["stores"][0]["store"] == "postgres");
    CHECK(json["stores"][0]["changed"] == false);
}

TEST_CASE("qck init says in one line what is out of reach", "[init]") {
    const auto url = "postgresql://qck:hush@127.0.0.1:" + std::to_string(free_port()) + "/qck";
    const auto refused = run_program(QCK_PROGRAM, {"init", "--postgres", url});
    CHECK(refused.exit_code == 3);
    CHECK(refused.out.empty());
    CHECK(refused.err.starts_with("qck init: cannot connect to postgresql://qck@127.0.0.1:"));
    CHECK(refused.err.find('\n') == refused.err.size() - 1);
    CHECK_FALSE(contains(refused.err, "hush"));
}

TEST_CASE("qck serve refuses a PostgreSQL that qck init has not brought up to date",
          "[init][postgres]") {
    PostgresServer server;
    const TemporaryDirectory directory;
    const std::vector<std::string> serve{"serve",
                                         "--postgres",
                                         server.url(),
                                         "--data-dir",
                                         (directory.path() / "data").string(),
                                         "--listen",
                                         "127.0.0.1:0",
                                         "--api",
                                         "127.0.0.1:0",
                                         "--ingest",
                                         "127.0.0.1:0",
                                         "--admin",
                                         "127.0.0.1:0"};
    const auto refused = run_program(QCK_PROGRAM, serve);
    CHECK(refused.exit_code == 3);
    CHECK(contains(refused.err, "the PostgreSQL schema has version 0, this qck needs"));
    CHECK(contains(refused.err, "run qck init --postgres URL"));
    CHECK(refused.out.empty());
}

TEST_CASE("qck init of several ClickHouse nodes wants the name of their cluster", "[init]") {
    const std::vector<std::string> init{"init", "--clickhouse", "http://127.0.0.1:1,127.0.0.1:2"};
    const auto refused = run_program(QCK_PROGRAM, init);
    CHECK(refused.exit_code == 2);
    CHECK(refused.out.empty());
    CHECK(refused.err.starts_with("qck init: the ClickHouse address names 2 nodes and no cluster"));
    CHECK(refused.err.find('\n') == refused.err.size() - 1);
    // As scripts/up gives it to who reads .local/env; then the nodes are asked.
    const auto named = run_program(QCK_PROGRAM, init, {"QCK_CLICKHOUSE_CLUSTER=qck_cluster"});
    CHECK(named.exit_code == 3);
    CHECK(contains(named.err, "cannot reach ClickHouse at http://127.0.0.1:1"));
}

TEST_CASE("qck init without a store is a usage error", "[init]") {
    const auto refused = run_program(QCK_PROGRAM, {"init"});
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, "--postgres URL"));
}

TEST_CASE("qck init refuses a retention that would remove everything", "[init]") {
    for (const char* days : {"0", "-1", "40000", "soon"}) {
        const auto refused =
            run_program(QCK_PROGRAM, {"init", "--clickhouse", "http://127.0.0.1:9",
                                      std::string("--clickhouse-retention-days=") + days});
        INFO(days << ": " << refused.err);
        CHECK(refused.exit_code == 2);
        CHECK(contains(refused.err, "--clickhouse-retention-days"));
    }
}
