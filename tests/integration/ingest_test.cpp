#include <map>
#include <random>

#include "services/clicks/amount.hpp"
#include "services/links/time_text.hpp"
#include "tests/integration/service_fixture.hpp"
#include "tests/services/ingest/gzip.hpp"

using namespace qck;
using nlohmann::json;
using qck::test::eventually;
using qck::test::RawClient;
using qck::test::RunningService;

namespace {

struct Answer {
    int status = 0;
    std::string head;
    json body;
};

Answer post(RunningService& running, const std::string& path, const std::string& body,
            const std::string& headers = "Content-Type: application/json\r\n") {
    RawClient raw(running.address("ingest"));
    raw.send("POST " + path + " HTTP/1.1\r\nHost: qck.test\r\n" + headers +
             "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string response = raw.response();
    const auto head_end = response.find("\r\n\r\n");
    REQUIRE(head_end != std::string::npos);
    return {std::stoi(response.substr(9, 3)), response.substr(0, head_end),
            json::parse(response.substr(head_end + 4), nullptr, false)};
}

Answer post_lines(RunningService& running, const std::string& body,
                  const std::string& path = "/v1/events") {
    return post(running, path, body, "Content-Type: application/x-ndjson\r\n");
}

json counts(std::uint64_t accepted, std::uint64_t duplicate) {
    return {{"accepted", accepted}, {"duplicate", duplicate}, {"rejected", json::array()}};
}

/// Events counted so far, of every type, in the last day. Asks a new question each time, since
/// answers are kept.
std::uint64_t events_counted(RunningService& running) {
    static std::int64_t asked = 0;
    const auto since = links::format_time(wall_ms() - 86'400'000 - ++asked);
    const auto rows =
        running.api("GET", "/v1/analytics?granularity=total&since=" + since).second["rows"];
    std::uint64_t sum = 0;
    for (const auto& row : rows) sum += row["count"].get<std::uint64_t>();
    return sum;
}

}  // namespace

TEST_CASE("events come as an object, an array, lines and gzip", "[integration][ingest]") {
    RunningService running;
    auto answer = post(running, "/v1/events", R"({"event_type":"sale","event_id":"1"})");
    CHECK(answer.status == 202);
    CHECK(answer.body == counts(1, 0));
    answer = post(running, "/v1/events",
                  R"([{"event_type":"sale","event_id":"2"},{"event_type":"view"}])");
    CHECK(answer.body == counts(2, 0));
    answer = post_lines(running,
                        "{\"event_type\":\"sale\",\"event_id\":\"3\"}\n\n"
                        "{\"event_type\":\"sale\",\"event_id\":\"4\"}");
    CHECK(answer.body == counts(2, 0));
    const std::string packed = test::gzip("{\"event_type\":\"a\"}\n{\"event_type\":\"b\"}\n");
    answer = post(running, "/v1/events", packed,
                  "Content-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\n");
    CHECK(answer.status == 202);
    CHECK(answer.body == counts(2, 0));
    CHECK(eventually([&] { return events_counted(running) == 7; }));
}

TEST_CASE("P2: an event with a key is counted once, within a request and across requests",
          "[integration][ingest]") {
    RunningService running;
    const std::string twice =
        "{\"event_type\":\"sale\",\"event_id\":\"x\"}\n{\"event_type\":\"sale\",\"event_id\":"
        "\"x\"}";
    CHECK(post_lines(running, twice).body == counts(1, 1));
    CHECK(post_lines(running, twice).body == counts(0, 2));
    CHECK(post_lines(running, twice).status == 202);
    // Events without a key, and clicks, have nothing to do with it.
    CHECK(post_lines(running, "{\"event_type\":\"sale\"}\n{\"event_type\":\"sale\"}").body ==
          counts(2, 0));
    running.add_link("abc");
    CHECK(post(running, "/v1/clicks", R"({"code":"abc","event_id":"x"})").body == counts(1, 0));
    CHECK(eventually([&] { return events_counted(running) == 3; }));
}

TEST_CASE("P2: a restart remembers what was accepted", "[integration][ingest]") {
    RunningService running;
    CHECK(post(running, "/v1/events", R"({"event_type":"sale","event_id":"x"})").body ==
          counts(1, 0));
    running.stop();
    running.start();
    CHECK(post(running, "/v1/events", R"({"event_type":"sale","event_id":"x"})").body ==
          counts(0, 1));
    CHECK(post(running, "/v1/events", R"({"event_type":"sale","event_id":"y"})").body ==
          counts(1, 0));
    CHECK(eventually([&] { return events_counted(running) == 2; }));
}

TEST_CASE("P6: wrong lines are named, right ones are taken", "[integration][ingest]") {
    RunningService running;
    const auto answer = post_lines(running,
                                   "{\"event_type\":\"sale\"}\n"
                                   "not json\n"
                                   "\n"
                                   "{\"event_type\":\"sale\",\"order_amount\":\"12\"}\n"
                                   "{\"event_typ\":\"sale\"}\n"
                                   "[]\n");
    CHECK(answer.status == 202);
    CHECK(answer.body["accepted"] == 1);
    const auto& rejected = answer.body["rejected"];
    REQUIRE(rejected.size() == 4);
    CHECK(rejected[0]["line"] == 2);
    CHECK(rejected[1] == json{{"line", 4}, {"error", "order_amount: expected a number"}});
    CHECK(rejected[2]["error"].get<std::string>().find("unknown field \"event_typ\"") == 0);
    CHECK(rejected[3] == json{{"line", 6}, {"error", "expected a JSON object"}});
    CHECK(eventually([&] { return events_counted(running) == 1; }));
}

TEST_CASE("P6: a request of which nothing can be taken is refused and changes nothing",
          "[integration][ingest]") {
    RunningService running;
    const std::string json_type = "Content-Type: application/json\r\n";
    const struct {
        int status;
        std::string type;
        std::string body;
        std::string headers;
    } wrong[] = {
        {422, "invalid-items", R"({"event_type":""})", json_type},
        {422, "invalid-items", R"([{"event_type":5},{}])", json_type},
        {422, "invalid-items", "[5]", json_type},
        {400, "unreadable-body", "", json_type},
        {400, "unreadable-body", "{\"event_type\":\"sale\"", json_type},
        {400, "unreadable-body", R"([{"event_type":"sale"},)", json_type},
        {400, "unreadable-body", R"({"event_type":"sale"} x)", json_type},
        {400, "unreadable-body", "\x1f\x8b not gzip", json_type + "Content-Encoding: gzip\r\n"},
        {415, "unknown-type", R"({"event_type":"sale"})", "Content-Type: application/xml\r\n"},
        {415, "unknown-coding", R"({"event_type":"sale"})", json_type + "Content-Encoding: br\r\n"},
        {413, "too-large", test::gzip(std::string(40 << 20, ' ')),
         json_type + "Content-Encoding: gzip\r\n"},
    };
    for (const auto& each : wrong) {
        CAPTURE(each.body.substr(0, 60));
        const auto answer = post(running, "/v1/events", each.body, each.headers);
        CHECK(answer.status == each.status);
        CHECK(answer.body.value("type", "").find(each.type) != std::string::npos);
        CHECK(answer.head.find("Content-Type: application/problem+json") != std::string::npos);
    }
    CHECK(post(running, "/v1/events", R"({"event_type":"after"})").body == counts(1, 0));
    CHECK(eventually([&] { return events_counted(running) == 1; }));
}

TEST_CASE("a body over the listener's limit is refused before it is read",
          "[integration][ingest]") {
    RunningService running([](auto& config) {
        config.ingest_server.limits.body_bytes_max = 1000;
        config.ingest_server.body_timeout = std::chrono::milliseconds(200);
    });
    RawClient large(running.address("ingest"));
    large.send("POST /v1/events HTTP/1.1\r\nHost: qck.test\r\nContent-Length: 1001\r\n\r\n");
    CHECK(large.response().find("HTTP/1.1 413 ") == 0);

    // And one that does not come is not waited for.
    RawClient slow(running.address("ingest"));
    slow.send("POST /v1/events HTTP/1.1\r\nHost: qck.test\r\nContent-Length: 900\r\n\r\n{");
    slow.until_closed();
    CHECK(slow.closed());
    CHECK(post(running, "/v1/events", R"({"event_type":"after"})").status == 202);
}

TEST_CASE("paths and methods of the ingest listener", "[integration][ingest]") {
    RunningService running;
    const auto ask = [&](const std::string& line) {
        RawClient raw(running.address("ingest"));
        raw.send(line + " HTTP/1.1\r\nHost: qck.test\r\n\r\n");
        return raw.response();
    };
    CHECK(ask("GET /health").find("HTTP/1.1 200 ") == 0);
    CHECK(ask("GET /v1/other").find("HTTP/1.1 404 ") == 0);
    const std::string refused = ask("GET /v1/events");
    CHECK(refused.find("HTTP/1.1 405 ") == 0);
    CHECK(refused.find("\r\nAllow: POST\r\n") != std::string::npos);
}

TEST_CASE("the edge's clicks count with those of the redirect", "[integration][ingest]") {
    RunningService running;
    running.add_link("abc");
    running.get("/abc", "User-Agent: Mozilla/5.0 Firefox/128.0\r\n");
    const auto answer = post_lines(
        running,
        R"({"code":"abc","event_id":"1","user_agent":"Mozilla/5.0 Firefox/128.0","ip":"192.0.2.7"})"
        "\n"
        R"({"code":"abc","event_id":"2","user_agent":"Googlebot/2.1","referrer":"https://a.example/"})"
        "\n"
        R"({"code":"abc","event_id":"3","method":"HEAD","timestamp":"2026-11-21T10:00:00Z"})"
        "\n"
        R"({"code":"abc","event_id":"1"})"
        "\n"
        R"({"code":"nobody"})"
        "\n"
        R"({"code":"abc","ip":"192.0.2.777"})"
        "\n",
        "/v1/clicks");
    CHECK(answer.status == 202);
    CHECK(answer.body["accepted"] == 4);
    CHECK(answer.body["duplicate"] == 1);
    CHECK(answer.body["rejected"] ==
          json::array({{{"line", 6}, {"error", "ip: expected an IPv4 or IPv6 address"}}}));
    json stats;
    CHECK(eventually([&] {
        stats = running.api("GET", "/v1/links/abc/stats").second;
        return stats["clicks"] == 4;
    }));
    CHECK(stats["by_class"]["human"] == 2);
    CHECK(stats["by_class"]["bot"] == 1);
    CHECK(stats["by_class"]["head"] == 1);
}

TEST_CASE("the sum of accepted amounts is the sum that analytics answers, to the millionth",
          "[integration][ingest]") {
    const auto seed = GENERATE(11U, 12U);
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    RunningService running;
    const char* const types[] = {"sale", "refund", "tip \"x\""};
    std::map<std::string, std::int64_t> sums;
    std::map<std::string, std::uint64_t> with_amount;
    for (int request = 0; request < 20; ++request) {
        std::string body;
        for (int i = 0; i < 200; ++i) {
            const std::string type = types[random() % 3];
            const auto micros =
                static_cast<std::int64_t>(random() % 2'000'000'000'000'000) - 1'000'000'000'000'000;
            json event{{"event_type", type},
                       {"timestamp", wall_ms() - static_cast<std::int64_t>(random() % 36'000'000)}};
            std::string text = event.dump();
            if (random() % 4 != 0) {
                text.pop_back();
                text += ",\"order_amount\":" + clicks::format_amount({0, micros}) + "}";
                sums[type] += micros;
                ++with_amount[type];
            }
            body += text + "\n";
        }
        REQUIRE(post_lines(running, body).body == counts(200, 0));
    }
    REQUIRE(eventually([&] { return events_counted(running) == 4000; }));
    // As text: reading it as a double would round.
    const std::string answer = running.get_text("api", "/v1/analytics?granularity=total");
    for (const auto& [type, sum] : sums) {
        CAPTURE(type);
        CHECK(answer.find("{\"type\":" + json(type).dump() + ",") != std::string::npos);
        CHECK(answer.find("\"order_amount\":{\"count\":" + std::to_string(with_amount[type]) +
                          ",\"sum\":" + clicks::format_amount({0, sum}) + ",") !=
              std::string::npos);
    }
}

TEST_CASE("analytics answers are kept for some seconds, and say how old they are",
          "[integration][ingest]") {
    RunningService running(
        [](auto& config) { config.analytics_kept_for = std::chrono::minutes(10); });
    const std::string before = running.get_text("api", "/v1/analytics");
    CHECK(before.find("\r\nAge: 0\r\n") != std::string::npos);
    CHECK(before.find("\r\nCache-Control: max-age=600\r\n") != std::string::npos);
    REQUIRE(post(running, "/v1/events", R"({"event_type":"sale"})").status == 202);
    REQUIRE(eventually([&] { return events_counted(running) == 1; }));
    CHECK(running.get_text("api", "/v1/analytics").find(R"({"rows":[]})") != std::string::npos);
}
