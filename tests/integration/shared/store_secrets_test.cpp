// Passwords of stores, given as the documents advise, are seen by nobody else.
#include <cstdlib>

#include "tests/faults/serve_api.hpp"
#include "tests/support/clickhouse_server.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/run_program.hpp"

namespace qck::test {
namespace {

/// A variable of this process, and so of those that it starts, for as long as it lives.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_(name) {
        ::setenv(name, value.c_str(), 1);
    }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    const char* name_;
};

std::string with_password(const std::string& url, const std::string& user) {
    const auto host = url.find("://") + 3;
    const auto at = url.find('@');
    return url.substr(0, host) + user + ":hush-hush@" +
           url.substr(at == std::string::npos ? host : at + 1);
}

}  // namespace

TEST_CASE("passwords of stores are in no process list, log, status or metric",
          "[integration][shared][V12]") {
    RedisServer redis({"--requirepass", "hush-hush"});
    PostgresServer postgres;  // trusts everybody, whatever password is sent
    const auto nobody = "http://127.0.0.1:" + std::to_string(free_port());
    const std::string postgres_url = with_password(postgres.url(), "qck");
    const std::string clickhouse_url = with_password(nobody, "qck");
    const Variable redis_variable("QCK_REDIS", with_password(redis.url(), ""));
    const Variable postgres_variable("QCK_POSTGRES", postgres_url);
    const Variable clickhouse_variable("QCK_CLICKHOUSE", clickhouse_url);
    const auto made =
        run_program(QCK_PROGRAM, {"init", "--json"}, {"QCK_POSTGRES=" + postgres_url});
    REQUIRE(made.exit_code == 0);
    CHECK_FALSE(contains(made.out + made.err, "hush"));

    const TemporaryDirectory directory;
    const auto log = directory.path() / "stderr";
    ServeProcess serve(directory.path() / "data", log, {"--breaker-failures", "1"});
    serve.wait_until_ready();
    const auto asked = [&](const std::vector<std::string>& words) {
        auto all = words;
        all.insert(all.end(), {"--admin", "http://" + serve.address("admin")});
        const auto run = run_program(QCK_PROGRAM, all);
        return run.out + run.err;
    };
    const auto away = [&](const std::string& store) {
        return contains(asked({"status"}), store + " is away: ");
    };
    api(serve, "POST", "/v1/links", R"({"code": "a", "url": "https://example.com/"})");
    RawClient raw(*net::parse_address(serve.address("redirect")));
    REQUIRE(raw.send("GET /a HTTP/1.1\r\nHost: qck.test\r\n\r\n"));
    REQUIRE(raw.response().starts_with("HTTP/1.1 302"));
    CHECK(eventually([&] { return away("clickhouse"); }));
    CHECK_FALSE(away("redis"));  // so the password of the variable was used
    redis.kill();
    postgres.stop();
    CHECK(eventually([&] { return away("redis") && away("postgres"); }));

    const std::string process = "/proc/" + std::to_string(serve.pid()) + "/cmdline";
    CHECK(contains(text_of_file(process), "--data-dir"));
    CHECK_FALSE(contains(text_of_file(process), "hush"));
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"status"}, {"status", "--json"}}) {
        CAPTURE(words);
        const auto said = asked(words);
        CHECK_FALSE(said.empty());
        CHECK_FALSE(contains(said, "hush"));
    }
    for (const char* const path : {"/metrics", "/v1/status"}) {
        client::RestConfig config;
        config.service = *client::parse_service_url("http://" + serve.address("admin"));
        const auto answer = client::RestClient(std::move(config)).send("GET", path, "");
        REQUIRE(answer.has_value());
        CHECK(contains(answer->body, "postgres"));
        CHECK_FALSE(contains(answer->body, "hush"));
    }
    CHECK(eventually([&] {
        const auto words = text_of_file(log);
        return contains(words, "redis://") && contains(words, "postgresql://") &&
               contains(words, "ClickHouse at http://");
    }));
    CHECK_FALSE(contains(text_of_file(log), "hush"));
}

}  // namespace qck::test
