#include <algorithm>
#include <atomic>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/integration/shared_stores.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

/// Two instances of the service on PostgreSQL and Redis.
class TwoInstances {
public:
    TwoInstances()
        : here([this](auto& config) { stores.use(config); }),
          there([this](auto& config) { stores.use(config); }) {
        REQUIRE(eventually([this] { return here_heard() && there_heard(); }));
    }

    bool here_heard() { return heard(here); }
    bool there_heard() { return heard(there); }
    static bool heard(RunningService& service) {
        return service.get_text("admin", "/metrics").find("\nqck_link_changes_heard 1") !=
               std::string::npos;
    }

    static std::string target(RunningService& service, const std::string& code) {
        const std::string response = service.get("/" + code);
        const auto at = response.find("Location: ");
        if (at == std::string::npos) return response.substr(9, 3);
        return response.substr(at + 10, response.find("\r\n", at) - at - 10);
    }
    void edit(RunningService& service, const std::string& code, const std::string& url) {
        REQUIRE(
            service.api("PATCH", "/v1/links/" + code, nlohmann::json{{"url", url}}.dump()).first ==
            200);
    }

    SharedStores stores{false};
    PostgresServer& postgres = stores.postgres;
    RedisServer& redis = stores.redis;
    RunningService here;
    RunningService there;
};

TEST_CASE("two instances serve the same links, and see each other's edits within a second",
          "[integration][shared][P4]") {
    TwoInstances both;
    both.here.add_link("a", "https://example.com/1");
    CHECK(both.target(both.there, "a") == "https://example.com/1");
    CHECK(both.redis.cli({"GET", "link:{a}"}).find("https://example.com/1") != std::string::npos);

    for (int version = 2; version < 12; ++version) {
        const std::string url = "https://example.com/" + std::to_string(version);
        both.edit(version % 2 == 0 ? both.here : both.there, "a", url);
        const std::int64_t begin_ns = monotonic_ns();
        REQUIRE(eventually([&] {
            return both.target(both.here, "a") == url && both.target(both.there, "a") == url;
        }));
        CHECK(monotonic_ns() - begin_ns < 1'000'000'000);
    }
    REQUIRE(both.there.api("DELETE", "/v1/links/a").first == 204);
    CHECK(eventually([&] { return both.target(both.here, "a") == "404"; }));
    // A code that was asked for in vain is there as soon as it is made, anywhere.
    CHECK(both.target(both.there, "later") == "404");
    both.here.add_link("later", "https://example.com/later");
    const std::int64_t begin_ns = monotonic_ns();
    CHECK(eventually(
        [&] { return both.target(both.there, "later") == "https://example.com/later"; }));
    CHECK(monotonic_ns() - begin_ns < 1'000'000'000);
}

TEST_CASE("cached links redirect without error while each store is away in turn",
          "[integration][shared][P5]") {
    TwoInstances both;
    both.here.add_link("a", "https://example.com/");
    REQUIRE(both.target(both.here, "a") == "https://example.com/");

    struct Fault {
        std::function<void()> begin;
        std::function<void()> end;
    };
    const std::vector<Fault> faults{
        {[&] { both.redis.hang(); }, [&] { both.redis.go_on(); }},
        {[&] { both.redis.kill(); }, [&] { both.redis.start(); }},
        {[&] { both.postgres.hang(); }, [&] { both.postgres.go_on(); }},
        {[&] { both.postgres.kill(); }, [&] { both.postgres.start(); }},
        {[&] { both.redis.kill(), both.postgres.hang(); },
         [&] { both.redis.start(), both.postgres.go_on(); }},
    };
    for (std::size_t at = 0; at < faults.size(); ++at) {
        INFO("fault " << at);
        faults[at].begin();
        // Longer than the time to live of what is cached while changes are unheard.
        const std::int64_t until_ns = monotonic_ns() + 2'500'000'000;
        while (monotonic_ns() < until_ns) {
            REQUIRE(both.target(both.here, "a") == "https://example.com/");
        }
        faults[at].end();
        CHECK(eventually([&] { return both.here_heard(); }));
    }
    CHECK(eventually([&] {
        const std::string url = "https://example.com/" + std::to_string(monotonic_ns());
        return both.here.api("PATCH", "/v1/links/a", nlohmann::json{{"url", url}}.dump()).first ==
                   200 &&
               both.target(both.here, "a") == url;
    }));
}

TEST_CASE("an edit shows everywhere soon while Redis is away", "[integration][shared][P4]") {
    TwoInstances both;
    both.here.add_link("a", "https://example.com/1");
    REQUIRE(both.target(both.there, "a") == "https://example.com/1");
    both.redis.kill();
    REQUIRE(eventually([&] { return !both.there_heard(); }));
    both.edit(both.here, "a", "https://example.com/2");
    const std::int64_t begin_ns = monotonic_ns();
    CHECK(eventually([&] { return both.target(both.there, "a") == "https://example.com/2"; }));
    CHECK(monotonic_ns() - begin_ns < 1'500'000'000);
    // It comes back with what it had before (nothing) or, had it been persistent, with the old
    // link: the change is told once more.
    both.redis.start();
    CHECK(eventually([&] {
        return both.redis.cli({"GET", "link:{a}"}).find("https://example.com/2") !=
               std::string::npos;
    }));
}

/// Ids of connections that listen, without those of `others`.
std::vector<std::string> listeners(RedisServer& redis, const std::vector<std::string>& others) {
    std::istringstream lines(redis.cli({"CLIENT", "LIST", "TYPE", "pubsub"}));
    std::vector<std::string> ids;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("id=")) continue;
        std::string id = line.substr(3, line.find(' ') - 3);
        if (std::find(others.begin(), others.end(), id) == others.end()) ids.push_back(id);
    }
    return ids;
}

TEST_CASE("an instance that alone hears of no changes is at most a second behind",
          "[integration][shared][P4]") {
    SharedStores stores{false};
    RunningService there([&](auto& config) { stores.use(config); });
    REQUIRE(eventually([&] { return TwoInstances::heard(there); }));
    const auto of_there = listeners(stores.redis, {});
    REQUIRE_FALSE(of_there.empty());
    RunningService here([&](auto& config) { stores.use(config); });
    REQUIRE(eventually([&] { return TwoInstances::heard(here); }));
    here.add_link("a", "https://example.com/0");
    here.add_link("b", "https://example.com/0");
    REQUIRE(TwoInstances::target(here, "a") == "https://example.com/0");

    // Its other connections work; whenever it listens again it is cut off again.
    std::atomic<bool> over{false};
    std::thread partition([&] {
        while (!over) {
            for (const auto& id : listeners(stores.redis, of_there)) {
                stores.redis.cli({"CLIENT", "KILL", "ID", id});
            }
        }
    });
    const auto edit = [&](RunningService& service, const std::string& code,
                          const std::string& url) {
        return service.api("PATCH", "/v1/links/" + code, nlohmann::json{{"url", url}}.dump())
                   .first == 200;
    };
    bool edited = true;
    std::int64_t behind_ns_max = 0;
    for (int version = 1; version <= 6; ++version) {
        const std::string url = "https://example.com/" + std::to_string(version);
        edited = edited && edit(there, "a", url) && edit(here, "b", url);
        const std::int64_t begin_ns = monotonic_ns();
        for (auto [service, code] : {std::pair{&here, "a"}, std::pair{&there, "b"}}) {
            edited = edited && eventually([&, of = service, name = code] {
                         return TwoInstances::target(*of, name) == url;
                     });
        }
        behind_ns_max = std::max(behind_ns_max, monotonic_ns() - begin_ns);
    }
    const bool removed = there.api("DELETE", "/v1/links/a").first == 204;
    const bool gone = eventually([&] { return TwoInstances::target(here, "a") == "404"; });
    over = true;
    partition.join();
    CHECK(edited);
    CHECK(removed);
    CHECK(gone);
    CHECK(behind_ns_max < 1'500'000'000);
    CHECK(TwoInstances::heard(there));
    CHECK(eventually([&] { return TwoInstances::heard(here); }));
    CHECK(edit(there, "b", "https://example.com/last"));
    CHECK(
        eventually([&] { return TwoInstances::target(here, "b") == "https://example.com/last"; }));
}

TEST_CASE("a storm of edits and removals leaves every instance with the last word",
          "[integration][shared][P4]") {
    TwoInstances both;
    std::atomic<bool> over{false};
    std::vector<std::thread> readers;
    for (RunningService* const service : {&both.here, &both.there}) {
        readers.emplace_back([service, &over] {
            while (!over) {
                for (int code = 0; code < 8; ++code) {
                    RawClient raw(service->address("redirect"));
                    raw.send("GET /c" + std::to_string(code) +
                             " HTTP/1.1\r\nHost: qck.test\r\n\r\n");
                    raw.response();
                }
            }
        });
    }
    std::mt19937 random(7);
    std::vector<std::string> expected(8, "404");
    for (int step = 0; step < 400; ++step) {
        RunningService& service = random() % 2 == 0 ? both.here : both.there;
        const std::size_t at = random() % expected.size();
        const std::string code = "c" + std::to_string(at);
        const std::string url = "https://example.com/" + std::to_string(step);
        if (expected[at] == "404") {
            service.add_link(code, url);
            expected[at] = url;
        } else if (random() % 3 == 0) {
            REQUIRE(service.api("DELETE", "/v1/links/" + code).first == 204);
            expected[at] = "404";
        } else {
            both.edit(service, code, url);
            expected[at] = url;
        }
        if (step == 150) both.redis.hang();
        if (step == 200) both.redis.go_on();
        if (step == 300) both.redis.kill();
        if (step == 330) both.redis.start();
    }
    REQUIRE(eventually([&] { return both.here_heard() && both.there_heard(); }));
    const std::int64_t begin_ns = monotonic_ns();
    for (RunningService* const service : {&both.here, &both.there}) {
        for (std::size_t at = 0; at < expected.size(); ++at) {
            INFO("c" << at);
            CHECK(eventually(
                [&] { return both.target(*service, "c" + std::to_string(at)) == expected[at]; }));
        }
    }
    CHECK(monotonic_ns() - begin_ns < 1'500'000'000);
    over = true;
    for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace qck::test
