#include <poll.h>
#include <unistd.h>

#include <atomic>

#include "services/links/time_text.hpp"
#include "tests/integration/service_fixture.hpp"

using namespace qck;
using qck::test::eventually;
using qck::test::RawClient;
using qck::test::RunningService;

namespace {

std::string status_line(const std::string& response) {
    return response.substr(0, response.find("\r\n"));
}

/// Counted clicks of a class, once the counts have caught up with `sum` clicks in all.
std::uint64_t clicks_of(RunningService& running, const std::string& code, const std::string& name,
                        std::uint64_t sum) {
    nlohmann::json stats;
    REQUIRE(eventually([&] {
        stats = running.api("GET", "/v1/links/" + code + "/stats").second;
        return stats.value("clicks", 0U) >= sum;
    }));
    CHECK(stats["clicks"] == sum);
    return stats["by_class"].value(name, 0U);
}

}  // namespace

TEST_CASE("a link redirects with the headers that it asks for", "[integration][redirect]") {
    RunningService running;
    REQUIRE(
        running
            .api("POST", "/v1/links",
                 R"({"code":"abc","url":"https://example.com/x?y=1#z","status":301,"max_age":60})")
            .first == 201);
    const std::string response = running.get("/abc");
    CHECK(status_line(response) == "HTTP/1.1 301 Moved Permanently");
    for (const char* header :
         {"\r\nLocation: https://example.com/x?y=1#z\r\n",
          "\r\nCache-Control: public, max-age=60\r\n", "\r\nX-Robots-Tag: noindex\r\n",
          "\r\nContent-Length: 0\r\n", "\r\nDate: "}) {
        CHECK(response.find(header) != std::string::npos);
    }
    const auto without_date = [](std::string text) {
        return text.erase(text.find("\r\nDate: "), std::string("\r\nDate: ").size() + 29);
    };
    CHECK(without_date(running.get("/abc?utm=1")) == without_date(response));
}

TEST_CASE("every answered request is a click of one class", "[integration][redirect][B10]") {
    RunningService running;
    running.add_link("abc");
    running.get("/abc", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0\r\n");
    running.get(
        "/abc",
        "User-Agent: Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)\r\n");
    running.get("/abc", "User-Agent: Mozilla/5.0\r\n", "HEAD");
    running.get("/abc", "User-Agent: Mozilla/5.0 Firefox/128.0\r\nSec-Purpose: prefetch\r\n");
    CHECK(clicks_of(running, "abc", "human", 4) == 1);
    for (const char* name : {"bot", "head", "prefetch"})
        CHECK(clicks_of(running, "abc", name, 4) == 1);
}

TEST_CASE("unknown codes, wrong paths and wrong methods are told so", "[integration][redirect]") {
    RunningService running;
    CHECK(status_line(running.get("/nobody")) == "HTTP/1.1 404 Not Found");
    CHECK(status_line(running.get("/nobody")) == "HTTP/1.1 404 Not Found");
    CHECK(status_line(running.get("/")) == "HTTP/1.1 404 Not Found");
    CHECK(status_line(running.get("/a/b")) == "HTTP/1.1 404 Not Found");
    CHECK(status_line(running.get("/abc", "", "DELETE")) == "HTTP/1.1 405 Method Not Allowed");
    CHECK(status_line(running.get("/health")) == "HTTP/1.1 200 OK");
    const std::string head = running.get("/nobody", "", "HEAD");
    CHECK(head.substr(head.size() - 4) == "\r\n\r\n");
}

TEST_CASE("an edit, a removal and a new creation show within a second",
          "[integration][redirect][P4]") {
    RunningService running([](commands::ServiceConfig& config) { config.threads = 2; });
    running.add_link("abc", "https://one.example/");
    RawClient raw(running.address("redirect"));
    const auto location_is = [&](const std::string& wanted) {
        return eventually([&] {
            raw.send("GET /abc HTTP/1.1\r\nHost: a\r\n\r\n");
            return raw.response().find(wanted) != std::string::npos;
        });
    };
    const auto within_a_second = [&](const std::string& wanted) {
        const std::int64_t begun_ns = monotonic_ns();
        return location_is(wanted) && monotonic_ns() - begun_ns < 1'000'000'000;
    };
    REQUIRE(location_is("https://one.example/"));
    REQUIRE(running.api("PATCH", "/v1/links/abc", R"({"url":"https://two.example/"})").first ==
            200);
    CHECK(within_a_second("https://two.example/"));
    REQUIRE(running.api("DELETE", "/v1/links/abc").first / 100 == 2);
    CHECK(within_a_second("HTTP/1.1 404"));
    running.add_link("abc", "https://three.example/");
    CHECK(within_a_second("https://three.example/"));
}

TEST_CASE("a link that was asked for before it was made redirects once it is",
          "[integration][redirect]") {
    RunningService running;
    CHECK(status_line(running.get("/soon")) == "HTTP/1.1 404 Not Found");
    running.add_link("soon");
    CHECK(eventually([&] { return status_line(running.get("/soon")) == "HTTP/1.1 302 Found"; }));
}

TEST_CASE("an expired link is gone", "[integration][redirect]") {
    RunningService running;
    const std::int64_t soon_ms = wall_ms() + 1'500;
    REQUIRE(running
                .api("POST", "/v1/links",
                     nlohmann::json{{"code", "brief"},
                                    {"url", "https://example.com/"},
                                    {"expires_at", links::format_time(soon_ms)}}
                         .dump())
                .first == 201);
    CHECK(status_line(running.get("/brief")) == "HTTP/1.1 302 Found");
    CHECK(eventually([&] { return status_line(running.get("/brief")) == "HTTP/1.1 410 Gone"; }));
    CHECK(wall_ms() >= soon_ms);
}

TEST_CASE("pipelined requests are answered in order, hits and misses mixed",
          "[integration][redirect]") {
    RunningService running;
    for (int i = 0; i < 20; ++i)
        running.add_link("p" + std::to_string(i), "https://p.example/" + std::to_string(i));
    RawClient raw(running.address("redirect"));
    std::string requests;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 20; ++i)
            requests += "GET /p" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    REQUIRE(raw.send(requests));
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 20; ++i) {
            CHECK(raw.response().find("Location: https://p.example/" + std::to_string(i) +
                                      "\r\n") != std::string::npos);
        }
    }
}

TEST_CASE("counts outlive a restart", "[integration][P1]") {
    RunningService running;
    running.add_link("abc");
    for (int i = 0; i < 10; ++i) running.get("/abc", "User-Agent: Mozilla/5.0 Firefox/128.0\r\n");
    running.stop();
    running.start();
    for (int i = 0; i < 5; ++i) running.get("/abc", "User-Agent: Mozilla/5.0 Firefox/128.0\r\n");
    CHECK(clicks_of(running, "abc", "human", 15) == 15);
}

TEST_CASE("answers wait for the disk when power cuts must lose nothing",
          "[integration][redirect]") {
    RunningService running([](commands::ServiceConfig& config) { config.power_safe = true; });
    running.add_link("abc");
    RawClient raw(running.address("redirect"));
    for (int i = 0; i < 20; ++i) {
        REQUIRE(raw.send(
            "GET /abc HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/128.0\r\n\r\n"));
        CHECK(status_line(raw.response()) == "HTTP/1.1 302 Found");
    }
    CHECK(clicks_of(running, "abc", "human", 20) == 20);
}

TEST_CASE("no answer leaves before its click is on the disk: hits, misses, and both pipelined",
          "[integration][redirect][P1]") {
    std::atomic<bool> well{true};
    std::atomic<int> asked{0};
    RunningService running([&](commands::ServiceConfig& config) {
        config.power_safe = true;
        config.sync_file = [&](int fd) {
            ++asked;
            while (!well) std::this_thread::yield();
            return ::fdatasync(fd);
        };
    });
    for (const char* code : {"one", "two", "three"}) running.add_link(code);
    running.get("/one");
    const auto ask = [](const std::string& code) {
        return "GET /" + code + " HTTP/1.1\r\nHost: a\r\n\r\n";
    };
    for (const std::string& requests :
         {ask("one"), ask("two"), ask("one") + ask("three") + ask("one")}) {
        CAPTURE(requests);
        const int before = asked;
        well = false;
        RawClient raw(running.address("redirect"));
        REQUIRE(raw.send(requests));
        const bool syncing = eventually([&] { return asked > before; });
        pollfd answer{raw.fd(), POLLIN, 0};
        const bool early = ::poll(&answer, 1, 100) == 1;
        well = true;
        CHECK(syncing);
        CHECK_FALSE(early);
        for (auto at = requests.find("GET"); at != std::string::npos;
             at = requests.find("GET", at + 1)) {
            CHECK(status_line(raw.response()) == "HTTP/1.1 302 Found");
        }
    }
}

TEST_CASE("the redirect listener takes no bodies, and HTTP/1.0 keeps its connection",
          "[integration][redirect]") {
    RunningService running;
    running.add_link("abc");
    CHECK(status_line(running.get("/abc", "Content-Length: 1048576\r\n")) ==
          "HTTP/1.1 413 Content Too Large");
    RawClient old(running.address("redirect"));
    for (int request = 0; request < 3; ++request) {  // a miss, then hits
        REQUIRE(old.send("GET /abc HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        const std::string answer = old.response();
        CHECK(status_line(answer) == "HTTP/1.1 302 Found");
        CHECK(answer.find("\r\nConnection: keep-alive\r\n") != std::string::npos);
    }
}

TEST_CASE("the admin listener shows health, metrics and status", "[integration][admin]") {
    RunningService running;
    running.add_link("abc");
    running.get("/abc", "User-Agent: Mozilla/5.0 Firefox/128.0\r\n");
    RawClient raw(running.address("admin"));
    std::string metrics;
    // The latency is recorded after the answer was sent.
    CHECK(eventually([&] {
        REQUIRE(raw.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
        metrics = raw.response();
        return metrics.find("\nredirect_latency_seconds_count 1\n") != std::string::npos;
    }));
    for (const char* line :
         {"\nredirects_total{class=\"human\"} 1\n", "\nredirect_latency_seconds_count 1\n",
          "\nqck_cache_misses_total{level=\"l1\"} 1\n", "\nqck_journal_appended_total 1\n"}) {
        CAPTURE(metrics);
        CHECK(metrics.find(line) != std::string::npos);
    }
    REQUIRE(raw.send(
        "GET /ready HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(status_line(raw.response()) == "HTTP/1.1 200 OK");
    const std::string status = raw.response();
    CHECK(nlohmann::json::parse(status.substr(status.find("\r\n\r\n")))["redirects"] == 1);
}

TEST_CASE("a data directory in use is refused by name", "[integration][serve]") {
    RunningService running;
    const auto second = commands::Service::start(running.config);
    REQUIRE(second.has_error());
    CHECK(second.error().message.find("is in use by process") != std::string::npos);
}
