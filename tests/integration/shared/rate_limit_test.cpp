// A limit over two instances of one Redis.
#include "tests/integration/service_fixture.hpp"
#include "tests/support/redis_server.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

/// One client of both instances, that asks each in turn.
struct Asking {
    std::uint64_t admitted = 0;
    std::uint64_t refused = 0;
    double seconds = 0;
};

Asking ask(RunningService& here, RunningService& there, std::chrono::nanoseconds how_long) {
    RawClient first(here.address("redirect"));
    RawClient second(there.address("redirect"));
    Asking asking;
    const std::int64_t begin_ns = monotonic_ns();
    while (monotonic_ns() < begin_ns + how_long.count()) {
        for (RawClient* const client : {&first, &second}) {
            REQUIRE(client->send("GET /unknown HTTP/1.1\r\nHost: qck.test\r\n\r\n"));
            const std::string response = client->response();
            if (contains(response, " 429 ")) {
                ++asking.refused;
            } else {
                REQUIRE(contains(response, " 404 "));
                ++asking.admitted;
            }
        }
    }
    asking.seconds = static_cast<double>(monotonic_ns() - begin_ns) / 1e9;
    return asking;
}

bool shares(RunningService& service, std::uint32_t instances) {
    const std::string metrics = service.get_text("admin", "/metrics");
    const bool shared = contains(metrics, "qck_rate_limit_shared{listener=\"redirect\"} 1\n");
    return shared == (instances > 1) &&
           contains(metrics, "qck_rate_limit_instances{listener=\"redirect\"} " +
                                 std::to_string(instances) + "\n");
}

}  // namespace

TEST_CASE("two instances together keep a client's limit, and each its own when Redis is killed",
          "[integration][M4][P5]") {
    RedisServer redis;
    const auto limited = [&](auto& config) {
        config.redis = redis.config();
        config.redirect_rate_limit = {200, 2s};
        // Not by a machine that is busy with other things.
        config.limit_exchange.good_for = 10s;
    };
    RunningService here(limited);
    RunningService there(limited);
    CHECK(eventually([&] { return shares(here, 2) && shares(there, 2); }));

    const Asking together = ask(here, there, 1'500ms);
    const double whole = 200 + 100 * together.seconds;
    INFO(together.admitted << " of " << whole << ", " << together.refused << " refused");
    CHECK(static_cast<double>(together.admitted) <= whole * 1.2 + 1);
    CHECK(static_cast<double>(together.admitted) >= whole * 0.8);
    // Addresses are not there to be read.
    const std::string keys = redis.cli({"KEYS", "qck:limit:*"});
    CHECK(contains(keys, "qck:limit:{redirect/200/2000}:instances"));
    CHECK_FALSE(contains(keys, "127"));

    redis.kill();
    CHECK(eventually([&] { return shares(here, 1) && shares(there, 1); }));
    const std::string status = here.get_text("admin", "/v1/status");
    const auto document = nlohmann::json::parse(status.substr(status.find("\r\n\r\n")));
    REQUIRE(document["limits"].size() == 1);
    CHECK(document["limits"][0]["listener"] == "redirect");
    CHECK(document["limits"][0]["shared"] == false);
    const Asking alone = ask(here, there, 2'000ms);
    const double each = 100 * alone.seconds;
    INFO(alone.admitted << ", each " << each);
    CHECK(static_cast<double>(alone.admitted) >= 1.6 * each);
    CHECK(static_cast<double>(alone.admitted) <= 2 * (200 + each) + 2);

    redis.start();
    CHECK(eventually([&] { return shares(here, 2) && shares(there, 2); }));
    const std::string metrics = here.get_text("admin", "/metrics");
    for (const char* const name :
         {"qck_rate_limit_exchanges_total", "qck_rate_limit_exchange_failures_total",
          "qck_rate_limit_held_total", "qck_breaker_open{store=\"redis\",use=\"counts\"}",
          "qck_breaker_open{store=\"redis\",use=\"lookups\"}",
          "qck_redis_commands_total{use=\"limits\"}"}) {
        INFO(name);
        CHECK(contains(metrics, name));
    }
}

}  // namespace qck::test
