#include <sched.h>
#include <signal.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/cpu.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/nginx_server.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using nlohmann::json;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// `qck bench search …`, its report in a directory of its own.
struct Search {
    test::ProgramRun operator()(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"bench", "search"});
        arguments.insert(arguments.end(), {"--out", out().string()});
        return test::run_program(QCK_PROGRAM, arguments);
    }
    std::filesystem::path out() const { return directory.path() / "run"; }
    json report() const { return json::parse(test::text_of_file(out() / "search.json")); }

    test::TemporaryDirectory directory;
};

/// Threads that keep one CPU busy as long as they live.
class BusyCpu {
public:
    BusyCpu(int cpu, int threads) {
        for (int i = 0; i < threads; ++i) {
            threads_.emplace_back([this, cpu] {
                [[maybe_unused]] const auto pinned = pin_thread(cpu);
                while (!stopping_.load(std::memory_order_relaxed)) {
                }
            });
        }
    }
    ~BusyCpu() {
        stopping_.store(true);
        for (std::thread& thread : threads_) thread.join();
    }

private:
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
};

/// How much of a search a server was ready to run and had no CPU.
class CpuWait {
public:
    explicit CpuWait(pid_t pid) : pid_(pid), began_ns_(monotonic_ns()), waited_ns_(waited_ns()) {}

    double share() const {
        return static_cast<double>(waited_ns() - waited_ns_) /
               static_cast<double>(monotonic_ns() - began_ns_);
    }

private:
    /// Of proc(5): the time on a CPU, the time spent waiting for one; 0 where the kernel keeps
    /// none.
    std::int64_t waited_ns() const {
        std::ifstream file("/proc/" + std::to_string(pid_) + "/schedstat");
        std::int64_t ran = 0;
        std::int64_t waited = 0;
        file >> ran >> waited;
        return waited;
    }

    pid_t pid_;
    std::int64_t began_ns_;
    std::int64_t waited_ns_;
};

/// Why a search of a target that takes `takes_per_s` may have come to another rate through no fault
/// of its own; empty when this machine gave it no reason to.
std::string spoilt_by(const json& report, double takes_per_s, const CpuWait& server) {
    constexpr double much = 0.01;
    if (server.share() >= much) {
        return "the target waited for a CPU " + std::to_string(server.share() * 100) +
               " % of the time";
    }
    for (const json& step : report["steps"]) {
        if (step["outcome"] == "held" || step["rate"].get<double>() > takes_per_s) continue;
        const std::string at = " at " + step["rate"].dump() + "/s, which the target takes";
        if (step["cause"] == "generator") return "the generator fell short" + at;
        if (step["steal"].get<double>() >= much) return "CPUs were taken from the generator" + at;
    }
    return {};
}

/// Whatever a search comes to, its exit code says it.
int exit_code_of(const json& report) {
    const std::string status = report["result"]["status"];
    if (status == "found" || status == "reaches_limit") return 0;
    return status == "none" || status == "unconfirmed" ? 1 : 4;
}

}  // namespace

TEST_CASE("a target that refuses more than a known rate is found to hold that rate",
          "[search][skippable]") {
    if (!test::NginxServer::is_installed()) QCK_SKIP("nginx is not installed");
    const test::NginxServer nginx(
        "limit_req_zone $server_port zone=all:1m rate=3000r/s;",
        "root .; location / { limit_req zone=all burst=300 nodelay; try_files /empty =404; }");
    std::ofstream(nginx.directory() / "empty");
    const CpuWait wait(nginx.pid());
    const Search search;
    const auto run = search({"--target", nginx.url("/viral"), "--slo", "errors<3%", "--from", "500",
                             "--to", "50k", "--step", "1s", "--confirm", "2s"});
    CAPTURE(run.out, run.err);
    // The burst that it lets through is a tenth of what a second takes.
    const json report = search.report();
    CHECK(run.exit_code == exit_code_of(report));
    const double rate =
        report["result"]["rate"].is_null() ? 0 : report["result"]["rate"].get<double>();
    const bool near = rate >= 2'700 && rate <= 3'600;
    if (report["result"]["status"] == "generator_bound") {
        QCK_SKIP("this machine did not run the generator in time");
    }
    const std::string spoilt = spoilt_by(report, 2'700, wait);
    if ((run.exit_code != 0 || !near) && !spoilt.empty()) QCK_SKIP(spoilt);
    REQUIRE(run.exit_code == 0);
    CHECK(near);
    CHECK(report["result"]["confirmed"] == true);
    CHECK(contains(run.out, "holds errors<3%"));
    CHECK(contains(run.out, "confirm"));
    // The run that confirmed it is a report like any other.
    const json confirming = json::parse(test::text_of_file(search.out() / "report.json"));
    CHECK(confirming["nominal_peak_rate"] == rate);
    CHECK(confirming["accounting"]["scheduled"].get<double>() == std::round(rate * 2));
    const std::string html = test::text_of_file(search.out() / "search.html");
    CHECK(contains(html, "<svg"));
    CHECK(contains(html, "errors&lt;3%"));
}

TEST_CASE("a target that lets requests queue beyond a known rate is found by its latency",
          "[search][skippable]") {
    if (!test::NginxServer::is_installed()) QCK_SKIP("nginx is not installed");
    const test::NginxServer nginx(
        "limit_req_zone $server_port zone=all:1m rate=1000r/s;",
        "root .; location / { limit_req zone=all burst=100000; try_files /empty =404; }");
    std::ofstream(nginx.directory() / "empty");
    const CpuWait wait(nginx.pid());
    const Search search;
    const auto run =
        search({"--target", nginx.url("/viral"), "--slo", "p99<200ms", "--from", "250", "--step",
                "2s", "--confirm", "4s", "--connections", "512", "--precision", "20%"});
    CAPTURE(run.out, run.err);
    const json report = search.report();
    CHECK(run.exit_code == exit_code_of(report));
    const double rate =
        report["result"]["rate"].is_null() ? 0 : report["result"]["rate"].get<double>();
    const bool near = rate >= 800 && rate <= 1'150;
    if (report["result"]["status"] == "generator_bound") {
        QCK_SKIP("this machine did not run the generator in time");
    }
    const std::string spoilt = spoilt_by(report, 800, wait);
    if ((run.exit_code != 0 || !near) && !spoilt.empty()) QCK_SKIP(spoilt);
    REQUIRE(run.exit_code == 0);
    CHECK(near);
}

TEST_CASE("a limit that the generator reaches first is not taken for the target's",
          "[search][skippable]") {
    if (!test::NginxServer::is_installed()) QCK_SKIP("nginx is not installed");
    const std::vector<int> cpus = allowed_cpus();
    if (cpus.size() < 2) QCK_SKIP("needs two CPUs");
    const test::NginxServer nginx("", "location / { return 302 https://example.com/; }");
    cpu_set_t server;
    CPU_ZERO(&server);
    CPU_SET(cpus.front(), &server);
    REQUIRE(::sched_setaffinity(nginx.pid(), sizeof server, &server) == 0);
    // The generator's share of its CPU is a tenth. It reads the answers late then, so that few
    // connections seem busy all the while.
    const char* connections = GENERATE("256", "16");
    const BusyCpu busy(cpus.back(), 9);
    const CpuWait wait(nginx.pid());
    const Search search;
    const auto run = search({"--target",      nginx.url("/viral"),
                             "--slo",         "errors<50%",
                             "--from",        "20k",
                             "--step",        "1s",
                             "--confirm",     "1s",
                             "--tries",       "1",
                             "--precision",   "100%",
                             "--threads",     "1",
                             "--connections", connections,
                             "--pin",         std::to_string(cpus.back())});
    CAPTURE(connections, run.out, run.err);
    const json report = search.report();
    CHECK(run.exit_code == exit_code_of(report));
    if (report["result"]["status"] != "generator_bound" && wait.share() >= 0.1) {
        QCK_SKIP("others had the target's CPU, which may have been the limit after all");
    }
    CHECK(report["result"]["status"] == "generator_bound");
    CHECK(contains(run.out, "no limit of the target was found"));
    CHECK(contains(run.out, "generator"));
    bool named = false;
    for (const json& step : report["steps"]) named = named || step["cause"] == "generator";
    CHECK(named);
}

TEST_CASE("a target that meets the objectives at no rate is said to, with exit code 1",
          "[search]") {
    const test::TestTarget target([](std::string_view) {
        return test::Reaction{"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"};
    });
    const Search search;
    const auto run = search({"--target", target.url(), "--slo", "errors<1%", "--from", "50",
                             "--step", "100ms", "--confirm", "100ms", "--tries", "1"});
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 1);
    CHECK(search.report()["result"]["status"] == "none");
    CHECK(search.report()["result"]["rate"].is_null());
    CHECK(contains(run.out, "no rate down to 1/s holds errors<1%; at 1/s: all answers were 500"));
}

TEST_CASE("a rate that may not be passed ends the search there, and the counts are compared",
          "[search]") {
    const Search search;
    const auto run = search({"--serve", "--slo", "errors<50%", "--from", "100", "--to", "200",
                             "--step", "300ms", "--confirm", "300ms", "--json"});
    CAPTURE(run.out, run.err);
    const json report = json::parse(run.out);
    CHECK(report == search.report());
    if (run.exit_code != 0) {
        CHECK(run.exit_code == 4);
        CHECK(report["result"]["status"] == "generator_bound");
        return;
    }
    CHECK(report["result"]["status"] == "reaches_limit");
    CHECK(report["result"]["rate"] == 200);
    REQUIRE(report["steps"].size() >= 3);
    CHECK(report["steps"][0]["rate"] == 100);
    CHECK(report["reconcile"]["difference"] == 0);
    CHECK(report["reconcile"]["answered"].get<int>() >= 30 + 60 + 60);
}

TEST_CASE("agents search together, and what they asked in all is counted", "[search]") {
    const Search search;
    const auto run =
        search({"--serve", "--slo", "errors<50%", "--from", "100", "--to", "200", "--step", "300ms",
                "--confirm", "300ms", "--agents", "2", "--threads", "1"});
    CAPTURE(run.out, run.err);
    const json report = search.report();
    CHECK(contains(run.out, "2 agents offer"));
    CHECK(report["reconcile"]["difference"] == 0);
    if (report["result"]["status"] == "generator_bound") {
        WARN("this machine did not run the generator in time: " << run.out);
        return;
    }
    CHECK(run.exit_code == 0);
    CHECK(report["result"]["rate"] == 200);
    // The run that confirmed it was both agents'.
    const json confirming = json::parse(test::text_of_file(search.out() / "report.json"));
    REQUIRE(confirming["generator"]["agents"].size() == 2);
    for (const json& agent : confirming["generator"]["agents"]) {
        CHECK(agent["accounting"]["answered"].get<int>() > 0);
    }
}

TEST_CASE("a search needs an objective, and rates in order", "[search]") {
    test::TestTarget target(test::redirect);
    const Search search;
    const auto none = search({"--target", target.url()});
    CHECK(none.exit_code == 2);
    CHECK(contains(none.err, "qck bench search: --slo is required"));
    const auto order =
        search({"--target", target.url(), "--slo", "p99<1s", "--from", "2k", "--to", "1k"});
    CHECK(order.exit_code == 2);
    CHECK(order.err == "qck bench search: --from: 2k is above --to 1k\n");
    const auto precise = search({"--target", target.url(), "--slo", "p99<1s", "--precision", "5"});
    CHECK(precise.exit_code == 2);
    CHECK(contains(precise.err, "--precision: '5' is not a share"));
    CHECK_FALSE(std::filesystem::exists(search.out()));
}
