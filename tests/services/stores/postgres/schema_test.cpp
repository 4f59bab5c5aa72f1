#include <thread>

#include "tests/services/stores/postgres/shared_server.hpp"

using namespace qck;
using namespace qck::postgres;
using namespace qck::test;

TEST_CASE("a schema is made once, whoever asks at the same time", "[postgres][schema]") {
    const auto url = shared_server().make_database();
    std::vector<std::thread> instances;
    std::atomic<int> failed{0};
    for (int i = 0; i < 6; ++i) {
        instances.emplace_back([&] {
            Pool pool(quick_pool(url));
            const auto done = pool.with([](Connection& c) { return migrate(c); });
            if (!done || done->to != newest_schema()) ++failed;
        });
    }
    for (auto& instance : instances) instance.join();
    CHECK(failed == 0);
    Pool pool(quick_pool(url));
    auto connection = pool.take();
    REQUIRE(connection.has_value());
    CHECK(check_schema(**connection).has_value());
    const auto again = migrate(**connection);
    REQUIRE(again.has_value());
    CHECK(again->from == again->to);
}

TEST_CASE("a schema that was left half way goes on from there", "[postgres][schema]") {
    const auto url = with_schema(shared_server().make_database());
    shared_server().sql(
        "DROP TABLE link_click_totals, link_outbox; DELETE FROM qck_schema WHERE version > 1",
        database_of(url));
    Pool pool(quick_pool(url));
    auto connection = pool.take();
    REQUIRE(connection.has_value());
    const auto old = check_schema(**connection);
    REQUIRE_FALSE(old.has_value());
    CHECK(contains(old.error().message, "run qck init"));
    const auto done = migrate(**connection);
    REQUIRE(done.has_value());
    CHECK(done->from == 1);
    CHECK(shared_server().sql("SELECT count(*) FROM link_click_totals", database_of(url)) == "0\n");
}

TEST_CASE("a table that was dropped is missed, and made again", "[postgres][schema]") {
    const auto url = with_schema(shared_server().make_database());
    shared_server().sql(
        "INSERT INTO links(id, short_code, target_url, status, click_count, created_at, updated_at)"
        " VALUES (1, 'a', 'https://example.com/', 302, 7, now(), now());"
        " DROP TABLE link_click_totals",
        database_of(url));
    Pool pool(quick_pool(url));
    auto connection = pool.take();
    REQUIRE(connection.has_value());
    CHECK(check_schema(**connection).error().message ==
          "the PostgreSQL schema has lost the table link_click_totals (run qck init --postgres "
          "URL)");
    const auto done = migrate(**connection);
    REQUIRE(done.has_value());
    CHECK(done->from == done->to);
    CHECK(done->made_again == std::vector<std::string>{"link_click_totals"});
    CHECK(check_schema(**connection).has_value());
    CHECK(migrate(**connection)->made_again.empty());
    // The sum of what is there no more; what is given again is added.
    CHECK(shared_server().sql("SELECT click_count FROM links", database_of(url)) == "0\n");
}

TEST_CASE("a schema of a newer program is refused and left alone", "[postgres][schema]") {
    const auto url = with_schema(shared_server().make_database());
    shared_server().sql("INSERT INTO qck_schema(version) VALUES (9999)", database_of(url));
    Pool pool(quick_pool(url));
    const auto done = pool.with([](Connection& c) { return migrate(c); });
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().code == Errc::invalid_argument);
    CHECK(contains(done.error().message, "newer qck"));
}

TEST_CASE("secrets of a URL are not shown", "[postgres]") {
    CHECK(shown_url("postgresql://me:hush@db:5432/qck") == "postgresql://me@db:5432/qck");
    CHECK(shown_url("postgres://me:h@ush@db/qck?password=hush&x=y") ==
          "postgres://me@db/qck?password=***&x=y");
    CHECK(shown_url("postgresql://me:hu/sh@db/qck") == "postgresql://me@db/qck");
    CHECK(shown_url("postgresql://db/qck?p%61ssword=hush&sslpassword=hush") ==
          "postgresql://db/qck?p%61ssword=***&sslpassword=***");
    CHECK(shown_url("host=db password = 'hush \\' hush' dbname='a b'") ==
          "host=db password=*** dbname='a b'");
    CHECK(shown_url("password='hush hush'host=db") == "password=*** host=db");
    CHECK(shown_url("host=db password=hush\\ hush sslpassword=hush") ==
          "host=db password=*** sslpassword=***");
    for (const char* const malformed :
         {"password='hush", "password=hush hush", "password hush", "=hush"}) {
        CHECK(shown_url(malformed) == "PostgreSQL");
        const auto refused = check_url(malformed);
        REQUIRE_FALSE(refused.has_value());
        CHECK_FALSE(contains(refused.error().message, "hush"));
    }
    // libpq would take `hu` for the port, and say so.
    Pool pool(quick_pool("postgresql://me:hu/sh@db/qck"));
    const auto lease = pool.take();
    REQUIRE_FALSE(lease.has_value());
    CHECK(contains(lease.error().message, "is not percent-encoded"));
    CHECK_FALSE(contains(lease.error().message, "hu/sh"));
    CHECK_FALSE(contains(lease.error().message, "\"hu\""));
    CHECK(shown_url("host=db password=hush dbname=qck") == "host=db password=*** dbname=qck");
    CHECK(shown_url("postgresql://db:5432/qck") == "postgresql://db:5432/qck");
}
