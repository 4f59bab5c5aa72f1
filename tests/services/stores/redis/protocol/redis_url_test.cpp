#include "services/stores/redis/protocol/redis_url.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::redis;

TEST_CASE("a URL names a server, a user, a password and a database", "[redis]") {
    const auto plain = parse_redis_url("redis://10.0.0.5:7000");
    REQUIRE(plain.has_value());
    CHECK(plain->topology == Topology::single);
    CHECK(plain->endpoints.front() == Endpoint{"10.0.0.5", 7000});
    CHECK_FALSE(plain->tls);

    const auto full = parse_redis_url("rediss://app:p%40ss:word@cache.example/3");
    REQUIRE(full.has_value());
    CHECK(full->tls);
    CHECK(full->user == "app");
    CHECK(full->password == "p@ss:word");
    CHECK(full->db == 3);
    CHECK(full->endpoints.front() == Endpoint{"cache.example", 6379});
    CHECK(full->to_string() == "rediss://cache.example:6379/3");

    const auto default_user = parse_redis_url("redis://:secret@[::1]:6380");
    REQUIRE(default_user.has_value());
    CHECK(default_user->user.empty());
    CHECK(default_user->password == "secret");
    CHECK(default_user->endpoints.front() == Endpoint{"::1", 6380});
    CHECK(parse_redis_url("redis://[::1]")->endpoints.front() == Endpoint{"::1", 6379});
}

TEST_CASE("several URLs are the seeds of a cluster", "[redis]") {
    for (const char* text :
         {"redis://u:p@a:1,redis://u:p@b:2,redis://u:p@c:3", "redis://u:p@a:1,b:2,c:3"}) {
        const auto url = parse_redis_url(text);
        REQUIRE(url.has_value());
        CHECK(url->topology == Topology::cluster);
        CHECK(url->endpoints == std::vector<Endpoint>{{"a", 1}, {"b", 2}, {"c", 3}});
        CHECK(url->password == "p");
    }
}

TEST_CASE("a Sentinel URL names Sentinels and the master they watch", "[redis]") {
    const auto url = parse_redis_url("redis-sentinel://:pw@s1,s2:26380/mymaster/2");
    REQUIRE(url.has_value());
    CHECK(url->topology == Topology::sentinel);
    CHECK(url->endpoints == std::vector<Endpoint>{{"s1", 26379}, {"s2", 26380}});
    CHECK(url->master_name == "mymaster");
    CHECK(url->db == 2);
    CHECK(url->to_string() == "redis-sentinel://s1:26379,s2:26380/mymaster/2");
}

TEST_CASE("a URL that is wrong is refused in one line that tells no secret", "[redis]") {
    for (const char* text : {"",
                             "redis",
                             "http://a:1",
                             "redis://",
                             "redis://:hunter2@",
                             "redis://u:hunter2@a:x",
                             "redis://u:hunter2@a:70000",
                             "redis://u:hunter2@a:1/x",
                             "redis://u:hunter2@a:0",
                             "redis://hunter2@a:1",
                             "redis://u:hunter2%@a:1",
                             "redis://u:@a:1",
                             "redis://a b:1",
                             "redis://u:hunter2@a:1,redis://u:hunter3@b:1",
                             "redis://a:1,rediss://b:1",
                             "redis://a:1/2,redis://b:1",
                             "redis://a:1,",
                             "redis-sentinel://u:hunter2@a:1",
                             "redis-sentinel://a:1/",
                             "redis-sentinel://,/m"}) {
        INFO(text);
        const auto url = parse_redis_url(text);
        REQUIRE_FALSE(url.has_value());
        CHECK(url.error().code == Errc::invalid_argument);
        CHECK_FALSE(test::contains(url.error().message, "hunter"));
        CHECK_FALSE(test::contains(url.error().message, "\n"));
    }
}
