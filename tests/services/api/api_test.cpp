#include <nlohmann/json.hpp>

#include "services/links/time_text.hpp"

#include <atomic>
#include <thread>
#include "tests/services/api/api_server.hpp"

using namespace qck;
using nlohmann::json;
using test::ApiServer;
using test::contains;

namespace {

struct Answer {
    unsigned status = 0;
    json body;
};

Answer ask(client::RestClient& client, std::string_view method, std::string_view target,
           std::string_view body = {}) {
    auto answer = client.send(method, target, body);
    REQUIRE(answer.has_value());
    return {answer->status, json::parse(answer->body, nullptr, false)};
}

}  // namespace

TEST_CASE("a link is created, read, edited and removed over the API", "[api]") {
    const ApiServer server;
    auto client = server.client();
    auto created = ask(client, "POST", "/v1/links",
                       R"({"url":"https://example.com/?q=1","code":"promo","status":301,)"
                       R"("max_age":60,"expires_at":"2099-01-01T00:00:00Z"})");
    CHECK(created.status == 201);
    CHECK(created.body["code"] == "promo");
    CHECK(created.body["url"] == "https://example.com/?q=1");
    CHECK(created.body["status"] == 301);
    CHECK(created.body["max_age"] == 60);
    CHECK(created.body["expires_at"] == "2099-01-01T00:00:00Z");
    CHECK(created.body["version"] == 1);
    CHECK(created.body["id"].is_string());
    CHECK(links::parse_time(created.body["created_at"].get<std::string>()).has_value());
    CHECK(created.body.size() == 9);

    CHECK(ask(client, "GET", "/v1/links/promo").body == created.body);

    const auto edited = ask(client, "PATCH", "/v1/links/promo",
                            R"({"url":"http://b.example/","max_age":null,"expires_at":null})");
    CHECK(edited.status == 200);
    CHECK(edited.body["url"] == "http://b.example/");
    CHECK(edited.body["max_age"].is_null());
    CHECK(edited.body["expires_at"].is_null());
    CHECK(edited.body["status"] == 301);
    CHECK(edited.body["version"] == 2);

    CHECK(client.send("DELETE", "/v1/links/promo")->status == 204);
    const auto gone = ask(client, "GET", "/v1/links/promo");
    CHECK(gone.status == 404);
    CHECK(gone.body["type"] == "urn:qck:link-not-found");
    CHECK(client.send("DELETE", "/v1/links/promo")->status == 404);
    CHECK(client.send("PATCH", "/v1/links/promo", R"({"status":302})")->status == 404);
}

TEST_CASE("defaults: a random code, 302, no max_age, no expiry", "[api]") {
    const ApiServer server;
    auto client = server.client();
    const auto created =
        ask(client, "POST", "/v1/links", R"({"url":"https://example.com/","code":null})");
    CHECK(created.status == 201);
    CHECK(created.body["code"].get<std::string>().size() == 7);
    CHECK(created.body["status"] == 302);
    CHECK(created.body["max_age"].is_null());
    CHECK(created.body["expires_at"].is_null());
}

TEST_CASE("what cannot be read answers 400 and what is refused 422, by name", "[api]") {
    struct Row {
        const char* body;
        unsigned status;
        const char* type;
        const char* detail;
    };
    const auto row = GENERATE(values<Row>({
        {"", 400, "invalid-json", "at byte 1"},
        {"{\"url\":", 400, "invalid-json", "at byte 8"},
        {"{\"url\":\"http://a/\"} x", 400, "invalid-json", "not JSON"},
        {"{\"url\":\"\xff\"}", 400, "invalid-json", "not JSON"},
        {"[]", 400, "invalid-json", "expected an object"},
        {"\"http://a/\"", 400, "invalid-json", "expected an object"},
        {"{}", 422, "invalid-link", "\"url\" is missing"},
        {"{\"url\":null}", 422, "invalid-link", "\"url\" is missing"},
        {"{\"url\":7}", 422, "invalid-link", "\"url\": expected a string, got a number"},
        {"{\"url\":[\"http://a/\"]}", 422, "invalid-link",
         "\"url\": expected a string, got an array"},
        {"{\"url\":{\"code\":\"x\"}}", 422, "invalid-link", "got an object"},
        {"{\"url\":\"http://a/\",\"color\":\"red\"}", 422, "invalid-link",
         "unknown field \"color\": expected url, code, status, max_age, expires_at"},
        {"{\"url\":\"http://a/\",\"c\\u0000\\n\":{}}", 422, "invalid-link", "unknown field"},
        {"{\"url\":\"http://a/\",\"url\":\"http://b/\"}", 422, "invalid-link", "appears twice"},
        {"{\"url\":\"javascript:alert(1)\"}", 422, "invalid-link", "only http and https"},
        {"{\"url\":\"http://127.0.0.1:8080/x\"}", 422, "invalid-link", "would loop"},
        {"{\"url\":\"http://a/\",\"code\":\"a b\"}", 422, "invalid-link", "code \"a b\" refused"},
        {"{\"url\":\"http://a/\",\"code\":\"health\"}", 422, "invalid-link", "refused"},
        {"{\"url\":\"http://a/\",\"status\":\"302\"}", 422, "invalid-link",
         "\"status\": expected 301"},
        {"{\"url\":\"http://a/\",\"status\":303}", 422, "invalid-link", "status 303 refused"},
        {"{\"url\":\"http://a/\",\"status\":302.5}", 422, "invalid-link", "not whole"},
        {"{\"url\":\"http://a/\",\"max_age\":-1}", 422, "invalid-link", "max_age -1 refused"},
        {"{\"url\":\"http://a/\",\"max_age\":1e3}", 422, "invalid-link", "not whole"},
        {"{\"url\":\"http://a/\",\"max_age\":99999999999999999999}", 422, "invalid-link",
         "max_age"},
        {"{\"url\":\"http://a/\",\"max_age\":18446744073709551615}", 422, "invalid-link",
         "out of range"},
        {"{\"url\":\"http://a/\",\"max_age\":true}", 422, "invalid-link", "got true or false"},
        {"{\"url\":\"http://a/\",\"expires_at\":1}", 422, "invalid-link", "\"expires_at\""},
        {"{\"url\":\"http://a/\",\"expires_at\":\"tomorrow\"}", 422, "invalid-link", "RFC 3339"},
        {"{\"url\":\"http://a/\",\"expires_at\":\"2020-01-01T00:00:00Z\"}", 422, "invalid-link",
         "in the future"},
        {"{\"url\":\"http://a/\",\"version\":1}", 422, "invalid-link", "\"version\""},
    }));
    CAPTURE(row.body);
    ApiServer server;
    auto client = server.client();
    const auto answer = ask(client, "POST", "/v1/links", row.body);
    CHECK(answer.status == row.status);
    CHECK(answer.body["type"] == "urn:qck:" + std::string(row.type));
    const auto detail = answer.body["detail"].get<std::string>();
    CAPTURE(detail);
    CHECK(contains(detail, row.detail));
    CHECK(detail.find('\n') == std::string::npos);
    CHECK(*server.store().count() == 0);
}

TEST_CASE("a taken code answers 409 and the first link stays", "[api]") {
    const ApiServer server;
    auto client = server.client();
    ask(client, "POST", "/v1/links", R"({"url":"https://a.example/","code":"x"})");
    const auto second =
        ask(client, "POST", "/v1/links", R"({"url":"https://b.example/","code":"x"})");
    CHECK(second.status == 409);
    CHECK(second.body["type"] == "urn:qck:code-taken");
    CHECK(ask(client, "GET", "/v1/links/x").body["url"] == "https://a.example/");
}

TEST_CASE("an edit is refused by name and changes nothing", "[api]") {
    struct Row {
        const char* body;
        unsigned status;
        const char* detail;
    };
    const auto row = GENERATE(values<Row>({
        {"{}", 422, "nothing to change"},
        {"{\"code\":\"y\"}", 422, "cannot be changed"},
        {"{\"url\":null}", 422, "null clears only"},
        {"{\"status\":null}", 422, "null clears only"},
        {"{\"url\":\"ftp://a/\"}", 422, "only http"},
        {"{\"status\":200}", 422, "status 200 refused"},
        {"{\"max_age\":-1}", 422, "max_age -1 refused"},
        {"{\"expires_at\":\"2020-01-01T00:00:00Z\"}", 422, "in the future"},
        {"{\"url\":\"http://b/\",\"version\":9}", 409, "has version 1, not 9"},
        {"{\"id\":\"1\"}", 422, "unknown field \"id\""},
        {"nonsense", 400, "not JSON"},
    }));
    CAPTURE(row.body);
    const ApiServer server;
    auto client = server.client();
    const auto before =
        ask(client, "POST", "/v1/links", R"({"url":"https://a.example/","code":"x"})");
    const auto answer = ask(client, "PATCH", "/v1/links/x", row.body);
    CHECK(answer.status == row.status);
    CHECK(contains(answer.body["detail"].get<std::string>(), row.detail));
    CHECK(ask(client, "GET", "/v1/links/x").body == before.body);
    CHECK(ask(client, "PATCH", "/v1/links/x", R"({"status":307,"version":1})").status == 200);
}

TEST_CASE("paths and methods that are not there are told apart", "[api]") {
    const ApiServer server;
    auto client = server.client();
    CHECK(ask(client, "GET", "/").status == 404);
    CHECK(ask(client, "GET", "/v1/links/").status == 404);
    CHECK(ask(client, "GET", "/v1/links/a/b").status == 404);
    CHECK(ask(client, "GET", "/v1/links/a%20b").status == 404);
    CHECK(ask(client, "GET", "/v1/links/" + std::string(200, 'a')).status == 404);
    CHECK(ask(client, "GET", "/v1/linksx").status == 404);
    CHECK(ask(client, "PUT", "/v1/links").status == 405);
    CHECK(ask(client, "DELETE", "/v1/links").status == 405);
    CHECK(ask(client, "POST", "/v1/links/abc").status == 405);
    CHECK(ask(client, "GET", "/v1/links:batch").status == 405);
    CHECK(ask(client, "POST", "/health").status == 405);
    CHECK(ask(client, "GET", "/health").body["status"] == "ok");
    CHECK(ask(client, "GET", "/v1/links/abc/stats").status == 503);
    CHECK(ask(client, "GET", "/v1/analytics").status == 503);
}

TEST_CASE("with a token every route but health asks for it", "[api]") {
    api::ApiConfig config;
    config.bearer_token = "s3cret";
    const ApiServer server(config);
    auto anonymous = server.client();
    CHECK(ask(anonymous, "GET", "/health").status == 200);
    for (const auto* path : {"/v1/links", "/v1/links/x", "/v1/links:batch", "/nothing"}) {
        const auto denied = ask(anonymous, "GET", path);
        CHECK(denied.status == 401);
        CHECK(denied.body["type"] == "urn:qck:unauthorized");
    }
    for (const auto* wrong : {"s3cres", "s3cre", "s3crett", "S3CRET", ""}) {
        auto client = server.client(wrong);
        CHECK(ask(client, "GET", "/v1/links").status == 401);
    }
    auto client = server.client("s3cret");
    CHECK(ask(client, "GET", "/v1/links").status == 200);
}

TEST_CASE("a list is paged by limit and after", "[api]") {
    const ApiServer server;
    auto client = server.client();
    for (const auto* code : {"b", "a", "c"}) {
        ask(client, "POST", "/v1/links",
            R"({"url":"http://x.example/","code":")" + std::string(code) + "\"}");
    }
    const auto first = ask(client, "GET", "/v1/links?limit=2");
    CHECK(first.body["links"].size() == 2);
    CHECK(first.body["links"][0]["code"] == "a");
    CHECK(first.body["next"] == "b");
    const auto second = ask(client, "GET", "/v1/links?limit=2&after=b");
    CHECK(second.body["links"].size() == 1);
    CHECK(second.body["links"][0]["code"] == "c");
    CHECK(second.body["next"].is_null());
    for (const auto* wrong : {"limit=0", "limit=1001", "limit=x", "limit=", "limit=1&limit=2",
                              "order=asc", "after=%zz", "limit=-1", "%ff=1"}) {
        CAPTURE(wrong);
        const auto answer = ask(client, "GET", "/v1/links?" + std::string(wrong));
        CHECK(answer.status == 400);
        CHECK(answer.body["type"] == "urn:qck:invalid-query");
    }
}

TEST_CASE("a batch as array or NDJSON judges each item by itself", "[api][batch]") {
    const auto* body = GENERATE(
        R"([{"url":"http://a/","code":"a"},{"url":"ftp://b/"},7,{"url":"http://c/","code":"a"},{"url":"http://d/","code":"d"}])",
        "{\"url\":\"http://a/\",\"code\":\"a\"}\n{\"url\":\"ftp://b/\"}\n7\n"
        "{\"url\":\"http://c/\",\"code\":\"a\"}\r\n{\"url\":\"http://d/\",\"code\":\"d\"}");
    ApiServer server;
    auto client = server.client();
    const auto answer = ask(client, "POST", "/v1/links:batch", body);
    CHECK(answer.status == 207);
    CHECK(answer.body["created"] == 2);
    CHECK(answer.body["failed"] == 3);
    const auto& results = answer.body["results"];
    REQUIRE(results.size() == 5);
    const std::vector<int> statuses{201, 422, 422, 409, 201};
    for (std::size_t i = 0; i < statuses.size(); ++i) {
        CHECK(results[i]["line"] == i + 1);
        CHECK(results[i]["status"] == statuses[i]);
    }
    CHECK(results[4]["code"] == "d");
    CHECK(contains(results[1]["error"].get<std::string>(), "only http and https"));
    CHECK(results[3]["type"] == "urn:qck:code-taken");
    CHECK(*server.store().count() == 2);
}

TEST_CASE("a batch that stops at the first error stores what came before it only", "[api][batch]") {
    ApiServer server;
    auto client = server.client();
    // An item that the rules refuse, then one whose code is taken.
    const auto refused =
        ask(client, "POST", "/v1/links:batch?on_error=stop&results=errors",
            "{\"url\":\"http://a/\",\"code\":\"a\"}\n\n{\"url\":\"x\"}\n{\"url\":\"http://c/\"}");
    CHECK(refused.status == 207);
    CHECK(refused.body["created"] == 1);
    REQUIRE(refused.body["results"].size() == 1);
    CHECK(refused.body["results"][0]["line"] == 3);
    CHECK(*server.store().count() == 1);
    const auto taken =
        ask(client, "POST", "/v1/links:batch?on_error=stop",
            R"([{"url":"http://b/"},{"url":"http://a/","code":"a"},{"url":"http://c/"}])");
    CHECK(taken.body["created"] == 1);
    CHECK(taken.body["results"].size() == 2);
    CHECK(*server.store().count() == 2);
}

TEST_CASE("a batch that cannot be read stores nothing", "[api][batch]") {
    api::ApiConfig config;
    config.batch_items_max = 3;
    ApiServer server(config);
    auto client = server.client();
    CHECK(ask(client, "POST", "/v1/links:batch", "").status == 400);
    CHECK(ask(client, "POST", "/v1/links:batch", R"([{"url":"http://a/"},)").status == 400);
    CHECK(ask(client, "POST", "/v1/links:batch?on_error=maybe", "[]").status == 400);
    const std::string four =
        R"([{"url":"http://a/"},{"url":"http://a/"},{"url":"http://a/"},{"url":"http://a/"}])";
    CHECK(ask(client, "POST", "/v1/links:batch", four).status == 413);
    CHECK(*server.store().count() == 0);
    const auto empty = ask(client, "POST", "/v1/links:batch", "[]");
    CHECK(empty.status == 201);
    CHECK(empty.body["created"] == 0);
    CHECK(ask(client, "POST", "/v1/links:batch?expired=allow",
              R"([{"url":"http://a/","expires_at":"2020-01-01T00:00:00Z"}])")
              .body["created"] == 1);
}

TEST_CASE("a body over the limit answers 413", "[api]") {
    const ApiServer server;
    auto client = server.client();
    const auto answer = client.send("POST", "/v1/links", std::string(1024 * 1024 + 1, 'x'));
    REQUIRE(answer.has_value());
    CHECK(answer->status == 413);
}

TEST_CASE("many clients at once each get the answer to their own request", "[api]") {
    ApiServer server;
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            auto client = server.client();
            for (int i = 0; i < 200; ++i) {
                const auto code = std::to_string(t) + "_" + std::to_string(i);
                const auto created = client.call(
                    "POST", "/v1/links", R"({"url":"http://a.example/","code":")" + code + "\"}");
                if (!created || json::parse(created->body)["code"] != code) ++wrong;
                const auto read = client.call("GET", "/v1/links/" + code);
                if (!read || json::parse(read->body)["code"] != code) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(*server.store().count() == 1600);
}
