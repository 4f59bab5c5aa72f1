#include "loadgen/report/run_metrics.hpp"

#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;

namespace {

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a run in flight is told in Prometheus' text format", "[loadgen][report]") {
    record::Progress progress;
    progress.elapsed = 1500ms;
    progress.planned = 10s;
    progress.so_far.scheduled = 12'345'678;
    progress.so_far.sent = 12'345'000;
    progress.so_far.answered = 12'340'000;
    progress.so_far.timed_out = 7;
    progress.so_far.unsent = 678;
    progress.target_rate_per_s = 1e6;
    progress.connections_open = 63;
    progress.connections_wanted = 64;
    for (int i = 0; i < 100; ++i) progress.recent.record(2'000'000);
    const std::string text = report::to_prometheus("a\"b\\c", "peak", progress);
    CHECK(has_line(text, "qck_bench_run{scenario=\"a\\\"b\\\\c\",phase=\"peak\"} 1"));
    CHECK(has_line(text, "qck_bench_elapsed_seconds 1.5"));
    CHECK(has_line(text, "# TYPE qck_bench_scheduled_total counter"));
    CHECK(has_line(text, "qck_bench_scheduled_total 12345678"));
    CHECK(has_line(text, "qck_bench_ended_total{outcome=\"answered\"} 12340000"));
    CHECK(has_line(text, "qck_bench_ended_total{outcome=\"timed_out\"} 7"));
    CHECK(has_line(text, "qck_bench_ended_total{outcome=\"unsent\"} 678"));
    CHECK(has_line(text, "qck_bench_rate{of=\"target\"} 1000000"));
    CHECK(has_line(text, "qck_bench_connections{state=\"open\"} 63"));
    CHECK(text.find("qck_bench_latency_seconds{quantile=\"0.99\"} 0.00") != std::string::npos);
}

TEST_CASE("what was not measured is not told as 0", "[loadgen][report]") {
    const std::string text = report::to_prometheus("x", "y", {});
    CHECK(text.find("qck_bench_latency_seconds") == std::string::npos);
    CHECK(has_line(text, "qck_bench_sent_total 0"));
}
