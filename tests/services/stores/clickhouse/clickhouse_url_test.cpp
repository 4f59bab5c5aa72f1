#include "services/stores/clickhouse/clickhouse_url.hpp"

#include "services/stores/clickhouse/server_exception.hpp"
#include "services/stores/clickhouse/server_version.hpp"
#include "services/stores/clickhouse/sql_text.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::clickhouse;
using qck::test::contains;

TEST_CASE("an address of ClickHouse names one node or several", "[clickhouse]") {
    const auto one = parse_clickhouse_url("http://ana:p%40ss@db.example/");
    REQUIRE(one.has_value());
    CHECK(one->nodes == std::vector<Node>{{"db.example", 8123, false}});
    CHECK(one->user == "ana");
    CHECK(one->password == "p@ss");

    const auto hosts = parse_clickhouse_url("https://ana:pw@a,b:9443,[::1]:8444/");
    REQUIRE(hosts.has_value());
    CHECK(hosts->nodes ==
          std::vector<Node>{{"a", 8443, true}, {"b", 9443, true}, {"::1", 8444, true}});
    CHECK(hosts->text() == "https://a:8443,https://b:9443,https://[::1]:8444");

    const auto urls = parse_clickhouse_url("http://ana:p,w@a:1,http://b:2/");
    REQUIRE(urls.has_value());
    CHECK(urls->nodes == std::vector<Node>{{"a", 1, false}, {"b", 2, false}});
    CHECK(urls->password == "p,w");
}

TEST_CASE("a malformed address of ClickHouse is refused and its password not told",
          "[clickhouse]") {
    for (const char* text : {"", "localhost", "tcp://a:9000", "http://", "http://a:0", "http://a:x",
                             "http://u:secret@", "http://u:secret%2@a", "http://a/db?x=secret"}) {
        INFO(text);
        const auto url = parse_clickhouse_url(text);
        REQUIRE_FALSE(url.has_value());
        CHECK_FALSE(contains(url.error().message, "secret"));
    }
    CHECK_FALSE(contains(parse_clickhouse_url("http://u:secret@a")->text(), "secret"));
}

TEST_CASE("values in queries cannot end their quotes", "[clickhouse]") {
    CHECK(sql("SELECT ?, ?", {"it's \\ \n?", 7}) == "SELECT 'it\\'s \\\\ \n?', 7");
    CHECK(sql_quoted(std::string("a\0b", 3)) == "'a\\0b'");
}

TEST_CASE("what a server complains of becomes one line", "[clickhouse]") {
    const auto old = server_exception("http://a:1", 404,
                                      "Code: 60, e.displayText() = DB::Exception: Table x.y "
                                      "doesn't exist., e.what() = DB::Exception\n");
    CHECK(old.code == Errc::not_found);
    CHECK(old.message ==
          "ClickHouse at http://a:1: Table x.y doesn't exist (code 60; run qck init)");
    const auto now = server_exception(
        "http://a:1", 403,
        "Code: 516. DB::Exception: default: Authentication failed:\npassword is incorrect. "
        "(AUTHENTICATION_FAILED) (version 24.8.1.1 (official build))\n");
    CHECK(now.code == Errc::permission);
    CHECK(now.message.find('\n') == std::string::npos);
    CHECK_FALSE(contains(now.message, "version"));
    CHECK(server_exception("http://a:1", 502, "").message ==
          "ClickHouse at http://a:1: status 502");
}

TEST_CASE("versions of servers are told apart", "[clickhouse]") {
    CHECK_FALSE(parse_server_version("18.16.1")->is_modern());
    CHECK(parse_server_version("24.8.14.39\n")->is_modern());
    CHECK(parse_server_version("26.9.2.1")->has_deduplication_token());
    CHECK_FALSE(parse_server_version("21.8.1")->has_deduplication_token());
    CHECK_FALSE(parse_server_version("<html>").has_value());
}
