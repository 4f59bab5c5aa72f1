#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/client/rest_client.hpp"
#include "tests/integration/fleet/agent_process.hpp"
#include "tests/support/bench_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/run_program.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::BenchProgram;
using test::contains;
using test::QckProcess;

namespace {

/// A service of our own, apart from the bench.
struct Service {
    test::TemporaryDirectory directory;
    std::string data = (directory.path() / "data").string();
    QckProcess process{{"serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--api",
                        "127.0.0.1:0", "--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0"}};
    std::string redirect = "http://" + process.ready_address("redirect");
    std::string api = "http://" + process.ready_address("api");
    std::string admin = "http://" + process.ready_address("admin");

    static Result<client::RestAnswer> get(const std::string& service, const std::string& path) {
        client::RestConfig config;
        config.service = client::parse_service_url(service).value();
        return client::RestClient(config).call("GET", path);
    }
    bool has_link(const std::string& code) const {
        return get(api, "/v1/links/" + code).has_value();
    }
    /// Of the load, which says what it is.
    std::uint64_t redirects() const {
        const auto metrics = get(admin, "/metrics");
        const std::string name = "\nredirects_total{class=\"bot\"} ";
        const auto at = metrics ? metrics->body.find(name) : std::string::npos;
        return at == std::string::npos ? 0 : std::stoull(metrics->body.substr(at + name.size()));
    }
};

}  // namespace

TEST_CASE("a target that is stopped for a second shows its backlog, its drain and the way back",
          "[bench][burst]") {
    Service service;
    const BenchProgram bench;
    const auto file = bench.directory.path() / "step.json";
    std::ofstream(file) << R"({"name": "step", "phases": [
        {"name": "calm", "rate": 100, "duration": "1s"},
        {"name": "burst", "rate": 1000, "duration": "6s"},
        {"name": "after", "rate": 100, "duration": "2s"}]})";
    QckProcess run(bench.words({"run", file.string(), "--target", service.redirect, "--api",
                                service.api, "--slo", "p99<250ms", "--timeout", "30s"}));
    // Into the burst, of which there are then some four seconds left.
    REQUIRE(test::eventually([&] { return service.redirects() >= 1'600; }));
    service.process.signal(SIGSTOP);
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(1s);
    const std::chrono::duration<double> stall = std::chrono::steady_clock::now() - begin;
    service.process.signal(SIGCONT);
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE((code == 0 || code == 1 || code == 4));
    const json report = bench.report();
    CHECK(report["accounting"]["answered"] == report["accounting"]["scheduled"]);
    REQUIRE(report["steps"].size() == 3);
    const json& step = report["steps"][1];
    CAPTURE(step.dump());
    CHECK(step["phase"] == "burst");
    CHECK(step["objective"] == "p99<250ms");
    // By the schedule a thousand came due for each second of the stall. It is read at the end of
    // an interval, 100 ms apart; and a slow machine takes longer to begin again.
    CHECK(step["backlog_max"].get<double>() >= 1000 * (stall.count() - 0.15));
    CHECK(step["backlog_max"].get<double>() <= 1000 * (stall.count() + 1));
    CHECK(step["backlog_allowed"] == 250);
    REQUIRE(step["drain_s"].is_number());
    CHECK(step["drain_s"] > 0);
    CHECK(step["drain_s"] < 3);
    CHECK(step["outside_s"].get<double>() >= stall.count() - 0.5);
    REQUIRE(step["back_within_s"].is_number());
    CHECK(step["back_within_s"].get<double>() >= stall.count() + 1);
    CHECK(step["p99_peak_us"].get<double>() >= (stall.count() - 0.2) * 1e6);

    const json& visible = report["visible"];
    CAPTURE(visible.dump());
    CHECK(visible["failure"] == "");
    CHECK(visible["seen"] == visible["clicks"]);
    CHECK(visible["clicks"] >= 4);
    // A click is under way half a second after the stop at the latest, and waits for its end.
    CHECK(visible["max_s"].get<double>() >= stall.count() - 0.6);
    CHECK(visible["p50_s"] < visible["max_s"]);
    // The link of the clicks goes; what the run asked for stays.
    CHECK_FALSE(service.has_link(visible["code"]));
    CHECK(service.has_link("viral"));
    service.process.signal(SIGTERM);
    REQUIRE(service.process.wait_for_exit(30s) == 0);
    const auto compared = test::run_program(
        QCK_PROGRAM, {"reconcile", "--data-dir", service.data, "--run", bench.out().string()});
    CAPTURE(compared.out, compared.err);
    CHECK(compared.exit_code == 0);
}

TEST_CASE("probe clicks join the counts, over agents too", "[bench][burst][P1]") {
    const BenchProgram bench;
    const auto run = bench({"constant", "--rate", "300", "--duration", "3s", "--serve", "--agents",
                            "2", "--connections", "8"});
    CAPTURE(run.out, run.err);
    REQUIRE(test::ran(run));
    const json report = bench.report();
    const json& visible = report["visible"];
    CAPTURE(visible.dump());
    CHECK(visible["clicks"] >= 2);
    CHECK(visible["seen"] == visible["clicks"]);
    CHECK(visible["unanswered"] == 0);
    const json& counts = report["reconcile"];
    CHECK(counts["difference"] == 0);
    CHECK(counts["answered"] == counts["served"]);
    CHECK(counts["answered"] == counts["counted"]);
    CHECK(counts["answered"] == counts["stores"]["SQLite"]);
    CHECK(counts["answered"].get<int>() >= 900 + visible["clicks"].get<int>());
    CHECK(report["steps"].size() == 1);
    CHECK(report["steps"][0]["backlog_max"].is_number());
    CHECK(contains(run.out, "visible after"));
}

TEST_CASE("a service without our API is not clicked on", "[bench][burst]") {
    Service service;
    const BenchProgram bench;
    const auto run = bench(
        {"constant", "--rate", "50", "--duration", "1s", "--target", service.redirect + "/nobody"});
    CAPTURE(run.out, run.err);
    REQUIRE(test::ran(run));
    CHECK_FALSE(bench.report().contains("visible"));
    CHECK(bench.report()["links"]["hot"]["answered"] == 0);
}
