#include <sqlite3.h>

#include "cli/commands/service.hpp"
#include "tests/integration/reconcile_question.hpp"

namespace qck::test {
namespace {

std::pair<unsigned, std::string> ask(RunningService& service, const std::string& body,
                                     const std::string& type = "application/json",
                                     const std::string& token = "") {
    client::RestConfig rest;
    rest.service = *client::parse_service_url("http://" + service.address("admin").to_string());
    rest.bearer_token = token;
    const auto answer =
        client::RestClient(std::move(rest)).send("POST", "/v1/reconcile", body, type);
    if (!answer) FAIL(answer.error().message);
    return {answer->status, answer->body};
}

TEST_CASE("a service that runs compares its own counts", "[integration][reconcile]") {
    RunningService service;
    service.add_link("a");
    service.add_link("b");
    for (int times = 0; times < 3; ++times) service.get("/a");
    service.get("/b");
    CHECK(eventually([&] { return compared(service).stores.at(0).clicks == 4; }));
    const auto all = compared(service);
    CHECK(all.agrees());
    CHECK(all.journal == 4);
    CHECK(all.links == 2);

    const auto one = compared(service, R"({"codes": ["a"]})");
    CHECK(one.links == 1);
    CHECK(one.journal == 3);

    const auto run = compared(service, R"({"run": {"answered": 5, "by_code": {"a": 4, "b": 1}}})");
    CHECK_FALSE(run.agrees());
    REQUIRE(run.drifts.size() == 1);
    CHECK(run.drifts[0].code == "a");
    CHECK(run.drifts[0].answered == 4U);
}

TEST_CASE("drift is found beside the service that counts", "[integration][reconcile]") {
    RunningService service;
    service.add_link("a");
    for (int times = 0; times < 3; ++times) service.get("/a");
    REQUIRE(eventually([&] { return compared(service).stores.at(0).clicks == 3; }));

    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((service.config.data_dir / "clicks.db").c_str(), &database) == SQLITE_OK);
    sqlite3_busy_timeout(database, 5'000);
    REQUIRE(sqlite3_exec(database, "UPDATE click_totals SET total = total - 1", nullptr, nullptr,
                         nullptr) == SQLITE_OK);
    sqlite3_close(database);

    const auto drifted = compared(service);
    CHECK_FALSE(drifted.agrees());
    REQUIRE(drifted.drifts.size() == 1);
    CHECK(drifted.drifts[0].journal == 3);
    CHECK(drifted.drifts[0].stores.at(0) == 2);
}

TEST_CASE("the admin listener refuses questions that are wrong or not asked for",
          "[integration][reconcile]") {
    RunningService service([](auto& config) { config.token = "secret"; });
    CHECK(ask(service, "{}").first == 401);
    CHECK(ask(service, "{}", "text/plain", "secret").first == 415);
    CHECK(ask(service, R"({"code": []})", "application/json", "secret").first == 400);
    CHECK(ask(service, R"({"codes": ["none"]})", "application/json", "secret").first == 404);
    CHECK(ask(service, "{}", "application/json; charset=utf-8", "secret").first == 200);
    CHECK(service.get_text("admin", "/v1/reconcile").starts_with("HTTP/1.1 405"));
    CHECK(service.get_text("admin", "/v1/status").starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace qck::test
