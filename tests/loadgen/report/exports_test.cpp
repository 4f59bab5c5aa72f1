#include "loadgen/report/exports.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace qck::report;

namespace {

Report made_report(const std::vector<Slo>& objectives = {}) {
    const scenario::Plan plan = test::small_burst();
    return make_report(plan, test::good_run(plan), {}, objectives);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("the series as CSV has a line an interval and a column a cause", "[loadgen][report]") {
    Report report = made_report();
    report.series.errors["unsent: \"x\""] =
        std::vector<std::uint64_t>(report.series.target.size(), 3);
    report.series.p99_us[0] = std::nan("");
    const auto lines = lines_of(to_csv(report));
    REQUIRE(lines.size() == report.series.target.size() + 1);
    CHECK(lines[0] ==
          "seconds,target_rate,scheduled,sent,answered,p50_us,p90_us,p99_us,p999_us,max_us,"
          "\"errors: unsent: \"\"x\"\"\"");
    for (const std::string& line : lines) CHECK(std::count(line.begin(), line.end(), ',') == 10);
    CHECK(lines[1].starts_with("0,"));
    // What was not measured is empty, and no 0.
    CHECK_FALSE(contains(lines[1], "nan"));
    CHECK(contains(lines[1], ",,"));
}

TEST_CASE("objectives are tests for a build server, and those of a run that is not valid errors",
          "[loadgen][report]") {
    Report report = made_report({*parse_slo("p99<5ms"), *parse_slo("p50<1us")});
    report.scenario = "a & \"b\"";
    const std::string good = to_junit(report);
    CHECK(contains(good, "tests=\"3\" failures=\"1\" errors=\"0\""));
    CHECK(contains(good, "name=\"p99&lt;5ms\" time=\"0\"/>"));
    CHECK(contains(good, "name=\"p50&lt;1us\" time=\"0\"><failure message=\""));
    CHECK(contains(good, "qck bench a &amp; &quot;b&quot;"));
    CHECK(contains(good, "name=\"the run is valid\" time=\"0\"/>"));

    report.verdict.status = Status::invalid;
    report.verdict.reasons = {"it was late"};
    report.reconcile_failure = "gone";
    const std::string bad = to_junit(report);
    CHECK(contains(bad, "tests=\"4\" failures=\"0\" errors=\"4\""));
    CHECK(contains(bad, "<error message=\"INVALID; it was late\"/>"));

    report = made_report();
    report.target_count.emplace();
    report.target_count->difference = -3;
    CHECK(contains(to_junit(report),
                   "name=\"the target&#39;s own count agrees\" time=\"0\"><failure "
                   "message=\"difference -3\"/>"));
}
