#pragma once

#include "services/stores/postgres/pool.hpp"
#include "services/stores/postgres/schema.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/postgres_server.hpp"

namespace qck::test {

/// The server of tests that do not hurt it; each takes a database of its own.
inline PostgresServer& shared_server() {
    static PostgresServer server;
    return server;
}

/// A pool that finds out soon that a server is gone, or back.
inline postgres::PoolOptions quick_pool(const std::string& url) {
    postgres::PoolOptions options;
    options.url = url;
    options.statement_timeout = std::chrono::milliseconds(2'000);
    options.back_off_min = std::chrono::milliseconds(20);
    options.back_off_max = std::chrono::milliseconds(200);
    return options;
}

/// The URL with qck's schema made in its database.
inline std::string with_schema(const std::string& url) {
    postgres::Pool pool(quick_pool(url));
    const auto done = pool.with([](postgres::Connection& c) { return postgres::migrate(c); });
    if (!done) FAIL(done.error().message);
    return url;
}

/// The name at the end of a URL.
inline std::string database_of(const std::string& url) { return url.substr(url.rfind('/') + 1); }

}  // namespace qck::test
