#include <string>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A run of three seconds whose metrics are at a known place, on a thread.
class RunningBench {
public:
    explicit RunningBench(const std::string& target) {
        thread_ = std::thread([this, target] {
            run_ = test::run_program(
                QCK_PROGRAM,
                {"bench", "constant", "--rate", "100", "--duration", "3s", "--target", target,
                 "--out", (directory_.path() / "run").string(), "--metrics", place_});
        });
    }
    ~RunningBench() {
        if (thread_.joinable()) thread_.join();
    }
    /// The answer to `request`; empty when nobody listens (yet, or any more).
    std::string ask(const std::string& request) const {
        test::RawClient client(*net::parse_address(place_));
        if (!client.connected() || !client.send(request)) return {};
        return client.until_closed();
    }
    std::string metrics() const { return ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); }
    const test::ProgramRun& end() {
        thread_.join();
        return run_;
    }
    const std::string& place() const { return place_; }

private:
    test::TemporaryDirectory directory_;
    const std::string place_ = "127.0.0.1:" + std::to_string(test::free_port());
    test::ProgramRun run_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("a run in flight tells Prometheus how it goes, and nobody after it", "[metrics]") {
    test::TestTarget target(test::redirect);
    RunningBench bench(target.url("/viral"));
    std::string text;
    REQUIRE(test::eventually([&] {
        text = bench.metrics();
        return contains(text, "qck_bench_rate{of=\"target\"} 100\n") &&
               contains(text, "qck_bench_latency_seconds{quantile=\"0.99\"} ");
    }));
    CHECK(text.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(contains(text, "Content-Type: text/plain; version=0.0.4"));
    CHECK(contains(text, "qck_bench_run{scenario=\"constant\",phase=\"constant\"} 1\n"));
    CHECK(contains(bench.ask("GET / HTTP/1.1\r\n\r\n"), "404 Not Found"));
    CHECK(contains(bench.ask("nonsense\r\n\r\n"), "400 Bad Request"));
    const test::ProgramRun& run = bench.end();
    CAPTURE(run.out, run.err);
    CHECK((run.exit_code == 0 || run.exit_code == 4));
    CHECK(contains(run.err, "metrics at http://" + bench.place() + "/metrics\n"));
    CHECK(bench.metrics().empty());
}

TEST_CASE("who asks for metrics and says nothing holds up neither the others nor the run",
          "[metrics]") {
    test::TestTarget target(test::redirect);
    RunningBench bench(target.url("/viral"));
    REQUIRE(test::eventually([&] { return !bench.metrics().empty(); }));
    const test::RawClient silent(*net::parse_address(bench.place()));
    CHECK(silent.connected());
    CHECK(contains(bench.metrics(), "qck_bench_sent_total"));
    const test::ProgramRun& run = bench.end();
    CHECK((run.exit_code == 0 || run.exit_code == 4));
}

TEST_CASE("a place that metrics cannot be at is refused in a line, before the run", "[metrics]") {
    test::TestTarget target(test::redirect);
    const test::TemporaryDirectory directory;
    const auto refused = [&](const std::string& place) {
        const auto run = test::run_program(
            QCK_PROGRAM, {"bench", "constant", "--rate", "1", "--target", target.url("/x"), "--out",
                          (directory.path() / "run").string(), "--metrics", place});
        CHECK(run.exit_code != 0);
        return run.err;
    };
    CHECK(refused("nowhere").starts_with("qck bench: --metrics: "));
    CHECK(refused("127.0.0.1:" + std::to_string(target.port())).find("cannot listen on") !=
          std::string::npos);
}
