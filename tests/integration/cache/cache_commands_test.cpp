// `qck cache` and `qck status` against services that run.
#include <fstream>

#include "tests/integration/shared_stores.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::contains;
using test::eventually;
using test::ProgramRun;
using test::RunningService;

namespace {

ProgramRun qck_program(const RunningService& service, std::vector<std::string> arguments) {
    std::vector<std::string> variables{"QCK_ADMIN=http://" + service.address("admin").to_string()};
    if (!service.config.token.empty()) variables.push_back("QCK_TOKEN=" + service.config.token);
    return test::run_program(QCK_PROGRAM, arguments, variables);
}

ProgramRun cache(const RunningService& service, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "cache");
    return qck_program(service, std::move(arguments));
}

/// A value of /metrics without labels but those given; -1 when it is not there.
double metric(RunningService& service, const std::string& name) {
    const std::string text = service.get_text("admin", "/metrics");
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

double misses(RunningService& service) {
    return metric(service, "qck_cache_misses_total{level=\"l1\"}");
}
double pinned(RunningService& service) { return metric(service, "qck_cache_pinned{level=\"l1\"}"); }

bool heard(RunningService& service) { return metric(service, "qck_link_changes_heard") == 1; }

/// Two instances on real stores; each hears the other.
struct Two {
    test::SharedStores stores{false};
    RunningService here{[this](auto& config) { stores.use(config); }};
    RunningService there{[this](auto& config) { stores.use(config); }};

    Two() {
        REQUIRE(eventually([this] { return heard(here) && heard(there); }));
    }
    /// Milliseconds until `code` expires in Redis; -1: never; -2: it is not there.
    long expiry(const std::string& code) {
        return std::stol(stores.redis.cli({"PTTL", "link:{" + code + "}"}));
    }
    std::string value(const std::string& code) {
        return stores.redis.cli({"GET", "link:{" + code + "}"});
    }
};

}  // namespace

TEST_CASE("warmed links are hits for their first visitor, and unknown codes are named",
          "[cache][S1]") {
    RunningService service([](auto& config) { config.threads = 2; });
    for (const char* const code : {"a", "b", "c"}) service.add_link(code);
    const auto some = cache(service, {"warm", "a", "nosuch", "b"});
    CHECK(some.exit_code == 1);
    CHECK(some.out == "2 links warmed\n");
    CHECK(some.err == "qck cache warm: no such link: nosuch\n");
    service.get("/a");
    service.get("/b");
    CHECK(misses(service) == 0);
    service.get("/c");
    CHECK(misses(service) == 1);

    const auto file = service.directory.path() / "codes";
    std::ofstream(file) << "# mine\nc\n\na\n";
    const auto listed = cache(service, {"warm", "--codes", file.string(), "--rate", "1k"});
    CHECK(listed.exit_code == 0);
    CHECK(listed.out == "2 links warmed\n");
}

namespace {

/// Links whose codes begin with w, made by the API, and a file of their codes.
std::filesystem::path many_links(RunningService& service, std::size_t count) {
    const auto file = service.directory.path() / "many";
    std::ofstream codes(file);
    json batch = json::array();
    for (std::size_t n = 0; n < count; ++n) {
        const std::string code = "w" + std::to_string(n);
        codes << code << "\n";
        batch.push_back({{"code", code}, {"url", "https://example.com/" + code}});
        if (batch.size() == 500 || n + 1 == count) {
            const auto made = service.api("POST", "/v1/links:batch", batch.dump());
            INFO(made.second);
            REQUIRE(made.first < 300);
            batch = json::array();
        }
    }
    return file;
}

double breakers_opened(RunningService& service) {
    return metric(service, "qck_breaker_opened_total{store=\"redis\",use=\"lookups\"}");
}

}  // namespace

TEST_CASE("every warmed link is in Redis when it is said to be, and lookups go on", "[cache][S1]") {
    Two both;
    constexpr std::size_t count = 12'000;
    const auto file = many_links(both.here, count);
    both.stores.redis.cli({"FLUSHALL"});
    const auto warmed = cache(both.here, {"warm", "--codes", file.string()});
    INFO(warmed.err);
    CHECK(warmed.exit_code == 0);
    CHECK(warmed.out == "12,000 links in L1, 12,000 in Redis\n");
    std::size_t there = 0;
    const std::string keys = both.stores.redis.cli({"KEYS", "link:{w*"});
    there = static_cast<std::size_t>(std::count(keys.begin(), keys.end(), '{'));
    CHECK(there == count);
    CHECK(breakers_opened(both.here) == 0);
    // L1 knows them: Redis is given them again.
    both.stores.redis.cli({"FLUSHALL"});
    CHECK(cache(both.here, {"warm", "w1", "w2"}).out == "2 links in L1, 2 in Redis\n");
    CHECK(both.expiry("w1") > 0);
}

TEST_CASE("a warm says what Redis did not take, and why, and does not trip the breaker of lookups",
          "[cache][S1]") {
    Two both;
    const auto file = many_links(both.here, 1'200);
    both.stores.redis.cli({"FLUSHALL"});
    both.stores.redis.hang();
    const auto warmed = cache(both.here, {"warm", "--codes", file.string()});
    CHECK(warmed.exit_code == 1);
    CHECK(contains(warmed.out, "1,200 links in L1, 0 in Redis: "));
    CHECK(contains(warmed.err, "qck cache warm: not in Redis: w0, w1, "));
    CHECK(breakers_opened(both.here) == 0);
    const auto told = cache(both.here, {"warm", "w1", "nosuch", "--json"});
    both.stores.redis.go_on();
    CHECK(told.exit_code == 1);
    const auto answer = json::parse(told.out);
    CHECK(answer["in_redis"] == 0);
    CHECK(answer["not_in_redis"] == json{"w1"});
    CHECK(answer["redis_error"] != "");
    CHECK(answer["not_found"] == json{"nosuch"});
    CHECK(eventually([&] {
        return cache(both.here, {"warm", "w1"}).out == "1 link in L1, 1 in Redis\n";
    }));
}

TEST_CASE("the links with the most clicks are warmed after a restart", "[cache][S1]") {
    RunningService service;
    for (const char* const code : {"cold", "warm", "hot"}) service.add_link(code);
    for (int n = 0; n < 3; ++n) service.get("/hot");
    for (int n = 0; n < 2; ++n) service.get("/warm");
    service.get("/cold");
    service.stop();
    service.start();
    CHECK(cache(service, {"warm", "--top", "2", "--span", "24h"}).out == "2 links warmed\n");
    service.get("/hot");
    service.get("/warm");
    CHECK(misses(service) == 0);
    service.get("/cold");
    CHECK(misses(service) == 1);
    const std::string top = service.get_text("admin", "/v1/cache/top?n=2&span=1h");
    CHECK(top.find("\"hot\"") < top.find("\"warm\""));
    CHECK_FALSE(contains(top, "\"cold\""));
}

TEST_CASE("a warm that is interrupted says how many of how many were warmed", "[cache][S1]") {
    RunningService service;
    std::vector<std::string> words{
        "--preserve-status", "-s", "INT", "1.5", QCK_PROGRAM, "cache", "warm", "--rate", "1"};
    for (int n = 0; n < 30; ++n) {
        words.push_back("link" + std::to_string(n));
        service.add_link(words.back());
    }
    const auto ended = test::run_program(
        "/usr/bin/timeout", words, {"QCK_ADMIN=http://" + service.address("admin").to_string()});
    INFO(ended.out << ended.err);
    CHECK(ended.exit_code == 4);
    CHECK(contains(ended.out, " warmed\n"));
    CHECK(ended.err.starts_with("qck cache warm: interrupted, after "));
    CHECK(ended.err.ends_with(" of 30 codes\n"));
}

TEST_CASE("a link that was changed past the API is read anew once it is evicted", "[cache][P4]") {
    Two both;
    both.here.add_link("a", "https://example.com/1");
    for (RunningService* const service : {&both.here, &both.there}) {
        CHECK(contains(service->get("/a"), "https://example.com/1"));
    }
    const auto changed = test::run_program(
        "/usr/bin/psql",
        {"-XAtqc",
         "UPDATE links SET target_url = 'https://example.com/2', version = version "
         "+ 1 WHERE short_code = 'a'",
         both.stores.postgres.url()});
    INFO(changed.err);
    REQUIRE(changed.exit_code == 0);
    CHECK(contains(both.there.get("/a"), "https://example.com/1"));
    CHECK(cache(both.here, {"evict", "a"}).out == "1 link evicted\n");
    const std::int64_t begin_ns = monotonic_ns();
    for (RunningService* const service : {&both.here, &both.there}) {
        CHECK(eventually([&] { return contains(service->get("/a"), "https://example.com/2"); }));
    }
    CHECK(monotonic_ns() - begin_ns < 1'000'000'000);
    CHECK(eventually([&] { return contains(both.value("a"), "https://example.com/2"); }));

    const auto unknown = cache(both.here, {"evict", "nosuch"});
    CHECK(unknown.exit_code == 1);
    CHECK(unknown.out == "0 links evicted\n");
    CHECK(unknown.err == "qck cache evict: no such link: nosuch\n");
}

TEST_CASE("without Redis an eviction is of this instance, and says so", "[cache][P4]") {
    Two both;
    both.here.add_link("a");
    both.here.get("/a");
    const double before = misses(both.here);
    both.stores.redis.kill();
    const auto evicted = cache(both.here, {"evict", "a"});
    CHECK(evicted.exit_code == 1);
    CHECK(contains(evicted.err, "on this instance only: "));
    CHECK(contains(both.here.get("/a"), "302 Found"));
    CHECK(misses(both.here) == before + 1);
}

TEST_CASE("a pin holds in every instance and in Redis, over edits, until it is taken off",
          "[cache][V11]") {
    Two both;
    both.here.add_link("a", "https://example.com/1");
    CHECK(cache(both.here, {"pin", "a"}).out == "1 link pinned\n");
    for (RunningService* const service : {&both.here, &both.there}) {
        CHECK(eventually([&] { return pinned(*service) == 1; }));
        service->get("/a");
        CHECK(misses(*service) == 0);
    }
    CHECK(both.expiry("a") == -1);
    REQUIRE(both.there.api("PATCH", "/v1/links/a", R"({"url":"https://example.com/2"})").first ==
            200);
    CHECK(eventually([&] { return contains(both.value("a"), "https://example.com/2"); }));
    CHECK(both.expiry("a") == -1);
    CHECK(eventually([&] { return contains(both.here.get("/a"), "https://example.com/2"); }));
    CHECK(pinned(both.here) == 1);

    CHECK(cache(both.there, {"unpin", "a"}).exit_code == 0);
    for (RunningService* const service : {&both.here, &both.there}) {
        CHECK(eventually([&] { return pinned(*service) == 0; }));
    }
    CHECK(both.expiry("a") > 0);

    CHECK(cache(both.here, {"pin", "a"}).exit_code == 0);
    REQUIRE(both.here.api("DELETE", "/v1/links/a").first == 204);
    CHECK(eventually([&] { return both.expiry("a") > 0; }));
    CHECK(contains(cache(both.here, {"pin", "a"}).err, "no such link: a"));
}

TEST_CASE("statistics of the cache are by reactor and in all", "[cache][S1]") {
    RunningService service([](auto& config) { config.threads = 2; });
    service.add_link("a");
    REQUIRE(cache(service, {"warm", "a"}).exit_code == 0);
    for (int n = 0; n < 4; ++n) service.get("/a");
    const auto shown = cache(service, {"stats"});
    CHECK(shown.exit_code == 0);
    CHECK(contains(shown.out, "\n0 "));
    CHECK(contains(shown.out, "\n1 "));
    CHECK(contains(shown.out, "\nall "));
    CHECK(contains(shown.out, "100.00 %"));
    CHECK(eventually([&] {
        const auto stats = json::parse(cache(service, {"stats", "--json"}).out);
        REQUIRE(stats["reactors"].size() == 2);
        for (const auto& reactor : stats["reactors"]) {
            CHECK(reactor["entries"] == 1);
            CHECK(reactor["age"]["sampled"] == 1);
        }
        return stats["hottest"] == json::parse(R"([{"code":"a","clicks":4}])");
    }));
}

TEST_CASE("what the cache cannot be asked is said in one line", "[cache]") {
    RunningService service([](auto& config) { config.token = "s3cret"; });
    CHECK(cache(service, {"warm"}).exit_code == 2);
    CHECK(cache(service, {"warm", "a", "--top", "5"}).exit_code == 2);
    CHECK(cache(service, {"warm", "--top", "0"}).exit_code == 2);
    CHECK(cache(service, {"warm", "--top", "5", "--span", "2h"}).exit_code == 2);
    CHECK(cache(service, {"warm", "--codes", "/nosuch"}).exit_code == 2);
    CHECK(cache(service, {"evict"}).exit_code == 2);
    const auto wrong = cache(service, {"evict", "o/e"});
    CHECK(wrong.exit_code == 2);
    CHECK(wrong.err.starts_with("qck cache evict: code \"o/e\" refused: "));
    CHECK(std::count(wrong.err.begin(), wrong.err.end(), '\n') == 1);
    const auto untold = test::run_program(
        QCK_PROGRAM, {"cache", "evict", "a", "--admin", service.address("admin").to_string()});
    CHECK(untold.exit_code == 3);
    service.stop();
    const auto away = test::run_program(QCK_PROGRAM, {"cache", "stats", "--admin", "127.0.0.1:1"});
    CHECK(away.exit_code == 3);
    CHECK(contains(away.err, "start one with `qck serve`, or set --admin"));
}

TEST_CASE("the status shows instances, stores and those that are away", "[status][V12]") {
    Two both;
    both.here.add_link("a");
    both.there.get("/a");
    const std::string admins = "http://" + both.here.address("admin").to_string() + ",http://" +
                               both.there.address("admin").to_string();
    const auto good = qck_program(both.here, {"status", "--admin", admins});
    INFO(good.out << good.err);
    CHECK(good.exit_code == 0);
    CHECK(contains(good.out, "qck  2 instances up "));
    for (const char* const store : {"\nredis      ok", "\npostgres   ok"}) {
        CHECK(contains(good.out, store));
    }

    both.stores.redis.kill();
    CHECK(eventually([&] {
        // Misses of L1 are what finds out that Redis is away.
        for (int n = 0; n < 10; ++n) both.here.get("/unknown" + std::to_string(n));
        const auto away = qck_program(both.here, {"status", "--json", "--admin", admins});
        const auto status = json::parse(away.out);
        for (const auto& store : status["stores"]) {
            if (store["store"] == "redis") return store["away"].get<bool>();
        }
        return false;
    }));
    both.there.stop();
    const auto half = qck_program(both.here, {"status", "--admin", admins});
    CHECK(half.exit_code == 1);
    CHECK(contains(half.out, "qck  1 of 2 instances up "));
    CHECK(contains(half.out, "\ndown       cannot reach "));
    CHECK(qck_program(both.here, {"status", "--admin", "nonsense"}).exit_code == 2);
    const auto twice = qck_program(both.here, {"status", "--admin", admins + ",http://h,http://h"});
    CHECK(twice.exit_code == 2);
    CHECK(contains(twice.err, "'http://h' is there twice"));
    both.here.stop();
    CHECK(test::run_program(QCK_PROGRAM, {"status", "--admin", admins}).exit_code == 3);
}
