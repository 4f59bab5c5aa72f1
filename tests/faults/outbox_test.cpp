// P4 across the death of the instance that changed a link while Redis was away.
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cli/client/rest_client.hpp"
#include "tests/faults/serve_process.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

unsigned status_of(const ServeProcess& serve, const std::string& method, const std::string& target,
                   const nlohmann::json& body) {
    client::RestConfig config;
    config.service = *client::parse_service_url("http://" + serve.address("api"));
    config.request_timeout = 20s;
    const auto text = body.is_null() ? std::string() : body.dump();
    const auto answer = client::RestClient(std::move(config)).send(method, target, text);
    return answer ? answer->status : 0;
}

/// The target, or the status where there is none.
std::string target_of(const ServeProcess& serve, const std::string& code) {
    RawClient raw(*net::parse_address(serve.address("redirect")));
    raw.send("GET /" + code + " HTTP/1.1\r\nHost: qck.test\r\n\r\n");
    const std::string response = raw.response();
    const auto at = response.find("Location: ");
    if (at == std::string::npos) return response.substr(9, 3);
    return response.substr(at + 10, response.find("\r\n", at) - at - 10);
}

/// An instance changes links that Redis holds, and is killed before Redis can be told; what then
/// runs with the data directory `next` serves them as they are within P4's second.
void change_and_die(const std::vector<std::string>& flags, RedisServer& redis,
                    const std::filesystem::path& first, const std::filesystem::path& next) {
    const TemporaryDirectory directory;
    const auto log = directory.path() / "stderr";
    auto serve = std::make_unique<ServeProcess>(first, log, flags);
    serve->wait_until_ready();
    for (const char* const code : {"edited", "removed", "again"}) {
        REQUIRE(status_of(*serve, "POST", "/v1/links",
                          {{"code", code}, {"url", "https://example.com/old"}}) == 201);
        REQUIRE(target_of(*serve, code) == "https://example.com/old");
        const auto in_redis = [&] {
            return contains(redis.cli({"GET", "link:{" + std::string(code) + "}"}), "/old");
        };
        REQUIRE(wait_for(in_redis));
    }
    // Redis goes, but not what it holds.
    redis.stop();
    const nlohmann::json edit{{"url", "https://example.com/new"}};
    CHECK(status_of(*serve, "PATCH", "/v1/links/edited", edit) == 200);
    CHECK(status_of(*serve, "DELETE", "/v1/links/removed", nullptr) == 204);
    CHECK(status_of(*serve, "DELETE", "/v1/links/again", nullptr) == 204);
    CHECK(status_of(*serve, "POST", "/v1/links", {{"code", "again"}, {"url", edit["url"]}}) == 201);
    serve->kill();
    redis.start();
    const auto as_it_was = [&] { return contains(redis.cli({"GET", "link:{edited}"}), "/old"); };
    CAPTURE(redis.cli({"GET", "link:{edited}"}), redis.cli({"PTTL", "link:{edited}"}));
    REQUIRE(wait_for(as_it_was));  // it may still be loading its file

    serve = std::make_unique<ServeProcess>(next, log, flags);
    serve->wait_until_ready();
    const std::int64_t begin_ns = monotonic_ns();
    const auto as_changed = [&] {
        return target_of(*serve, "edited") == "https://example.com/new" &&
               target_of(*serve, "removed") == "404" &&
               target_of(*serve, "again") == "https://example.com/new";
    };
    CHECK(wait_for(as_changed));
    CHECK(monotonic_ns() - begin_ns < 1'000'000'000);
    CHECK(contains(redis.cli({"GET", "link:{edited}"}), "/new"));
    serve->stop();
}

}  // namespace

TEST_CASE("P4: a change shows although its instance was killed before Redis could be told",
          "[faults][shared][P4][skippable]") {
    if (!RedisServer::is_installed() || !PostgresServer::is_installed())
        QCK_SKIP("Redis and PostgreSQL are not both installed");
    const TemporaryDirectory directory;
    RedisServer redis({"--appendonly", "yes"});
    const PostgresServer postgres;
    REQUIRE(run_program(QCK_PROGRAM, {"init", "--postgres", postgres.url()}).exit_code == 0);
    change_and_die({"--redis", redis.url(), "--postgres", postgres.url()}, redis,
                   directory.path() / "a", directory.path() / "b");
    const auto left = [&] { return postgres.sql("SELECT count(*) FROM link_outbox"); };
    CHECK(wait_for([&] { return left() == "0\n"; }));
}

TEST_CASE("P4: so it does with links in SQLite, once the instance is there again",
          "[faults][shared][P4][skippable]") {
    if (!RedisServer::is_installed()) QCK_SKIP("Redis is not installed");
    const TemporaryDirectory directory;
    RedisServer redis({"--appendonly", "yes"});
    change_and_die({"--redis", redis.url()}, redis, directory.path() / "a", directory.path() / "a");
}

}  // namespace qck::test
