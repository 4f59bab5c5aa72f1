#include <thread>

#include "tests/services/stores/postgres/shared_server.hpp"
#include "tests/support/eventually.hpp"

using namespace qck;
using namespace qck::postgres;
using namespace qck::test;
using namespace std::chrono_literals;

namespace {

Result<Rows> ask(Pool& pool, const char* sql) {
    return pool.with([&](Connection& connection) { return connection.execute(sql); });
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin);
}

}  // namespace

TEST_CASE("values come back as they were sent", "[postgres]") {
    Pool pool(quick_pool(shared_server().url()));
    auto connection = pool.take();
    REQUIRE(connection.has_value());
    const std::string odd = "a\"b\\c{},' \xc3\xa9\n";
    const auto rows =
        (*connection)
            ->query("SELECT n, t, t IS NULL FROM unnest($1::bigint[], $2::text[]) AS u(n, t)",
                    Parameters()
                        .add(ArrayText().add(std::uint64_t{5}).add(std::int64_t{-7}).add_null())
                        .add(ArrayText().add(odd).add(std::string_view()).add_null()));
    REQUIRE(rows.has_value());
    REQUIRE(rows->size() == 3);
    CHECK(rows->integer(1, 0) == -7);
    CHECK(rows->is_null(2, 0));
    CHECK(rows->text(0, 1) == odd);
    CHECK(rows->text(1, 2) == "f");
    CHECK(rows->is_null(2, 1));
}

TEST_CASE("a statement that the server refuses does not cost the connection", "[postgres]") {
    Pool pool(quick_pool(shared_server().url()));
    auto connection = pool.take();
    REQUIRE(connection.has_value());
    const auto wrong = (*connection)->execute("SELECT * FROM nowhere");
    REQUIRE_FALSE(wrong.has_value());
    CHECK(contains(wrong.error().message, "run qck init"));
    CHECK((*connection)->usable());
    CHECK((*connection)->execute("SELECT 1").has_value());
}

TEST_CASE("no connection is kept waiting for longer than it may", "[postgres]") {
    auto options = quick_pool(shared_server().url());
    options.connections_max = 1;
    options.queue_timeout = 100ms;
    Pool pool(options);
    const auto held = pool.take();
    REQUIRE(held.has_value());
    const auto begin = std::chrono::steady_clock::now();
    const auto refused = pool.take();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(since(begin) < 1s);
}

TEST_CASE("a pool outlives its server: refused at once, back by itself", "[postgres][faults]") {
    PostgresServer server;
    Pool pool(quick_pool(server.url()));
    REQUIRE(ask(pool, "SELECT 1").has_value());
    server.kill();
    CHECK_FALSE(ask(pool, "SELECT 1").has_value());
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(ask(pool, "SELECT 1").has_value());
    CHECK(since(begin) < 1s);
    CHECK(pool.failures() < 60);  // attempts back off; a thousand calls are not a thousand attempts
    server.start();
    CHECK(within(5s, [&] { return ask(pool, "SELECT 1").has_value(); }));

    // A restart while connections are idle: the first call after it is tried again.
    server.stop();
    server.start();
    CHECK(ask(pool, "SELECT 1").has_value());
}

TEST_CASE("a server that hangs costs its timeout once, not each caller", "[postgres][faults]") {
    PostgresServer server;
    auto options = quick_pool(server.url());
    options.statement_timeout = 300ms;
    Pool pool(options);
    REQUIRE(ask(pool, "SELECT 1").has_value());
    server.hang();
    const auto begin = std::chrono::steady_clock::now();
    const auto first = ask(pool, "SELECT 1");
    REQUIRE_FALSE(first.has_value());
    CHECK(first.error().code == Errc::timed_out);
    CHECK(since(begin) < 1s);
    CHECK_FALSE(ask(pool, "SELECT 1").has_value());  // tries to connect, 2 s
    const auto later = std::chrono::steady_clock::now();
    std::thread trying([&] { (void)ask(pool, "SELECT 1"); });
    for (int i = 0; i < 100; ++i) (void)ask(pool, "SELECT 1");
    trying.join();
    CHECK(since(later) < 5s);
    server.go_on();
    CHECK(within(5s, [&] { return ask(pool, "SELECT 1").has_value(); }));
}

TEST_CASE("the fate of a transaction can be asked for", "[postgres]") {
    const auto url = shared_server().make_database();
    Pool pool(quick_pool(url));
    auto connection = pool.take();
    REQUIRE(connection.has_value());
    auto kept = Transaction::begin(**connection);
    REQUIRE(kept.has_value());
    const auto kept_id = kept->id();
    REQUIRE(kept->commit().has_value());
    std::int64_t dropped_id = 0;
    {
        auto dropped = Transaction::begin(**connection);
        REQUIRE(dropped.has_value());
        dropped_id = dropped->id();
    }
    CHECK(*pool.was_committed(kept_id, 1s) == true);
    CHECK(*pool.was_committed(dropped_id, 1s) == false);
}
