#include "loadgen/report/report_html.hpp"

#include <nlohmann/json.hpp>
#include <regex>

#include "loadgen/report/html_text.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using nlohmann::json;

namespace {

const std::string nasty = "</script><img src=x onerror=alert(1)>&\"'`\xe2\x80\xa8\xff\x01";

report::Report report_named(const std::string& name) {
    scenario::Plan plan = test::small_burst();
    plan.name = name;
    plan.description = name;
    for (scenario::Phase& phase : plan.phases) phase.name = name + phase.name;
    record::RunResult run = test::good_run(plan);
    test::fail_some(run, 0, record::Cause::reset, 12);
    report::RunContext context;
    context.target = context.target_note = context.calibration = context.scale_note = name;
    context.scale = 64;
    context.command = {"qck", "bench", name};
    auto report = report::make_report(plan, run, context, {report::parse_slo("p99<5ms").value()});
    report.objectives[0].expression = name;
    report.machine.host = report.machine.cpu_model = name;
    report.reconcile = report::Reconciliation{1, 1, 1, {{name, 1}}, 0};
    report.verdict.reasons = {name, name};
    report.verdict.advice = {name};
    report.phases[0].status[name] = 1;
    report.phases[0].errors[name] = 1;
    report.generator.connect_errors[name] = 1;
    report.series.errors[name] = std::vector<std::uint64_t>(report.series.target.size());
    return report;
}

/// What stands between `begin` and the next `end`.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
    const auto from = text.find(begin);
    REQUIRE(from != std::string::npos);
    const auto to = text.find(end, from + begin.size());
    REQUIRE(to != std::string::npos);
    return text.substr(from + begin.size(), to - from - begin.size());
}

std::size_t times(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
    return count;
}

}  // namespace

TEST_CASE("report.html refers to nothing outside itself", "[loadgen][report]") {
    const std::string html = report::to_html(report_named("viral-burst"));
    for (const char* pattern : {R"(\ssrc\s*=)", R"(\shref\s*=)", R"(@import)", R"([^a-z]url\()",
                                R"(<link\b)", R"(<iframe\b)", R"(<object\b)", R"(<base\b)"}) {
        CAPTURE(pattern);
        CHECK_FALSE(std::regex_search(html, std::regex(pattern, std::regex::icase)));
    }
    for (const char* call : {"fetch(", "XMLHttpRequest", "WebSocket(", "EventSource(", "sendBeacon",
                             "importScripts", "import("}) {
        CAPTURE(call);
        CHECK(html.find(call) == std::string::npos);
    }
    // And were there one, the page itself forbids it.
    CHECK(html.find("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src "
                    "'unsafe-inline'; img-src data:\"") != std::string::npos);
}

TEST_CASE("the data within report.html parses and is the run's", "[loadgen][report]") {
    const report::Report report = report_named("viral-burst");
    const std::string html = report::to_html(report);
    const json data =
        json::parse(between(html, "<script type=\"application/json\" id=\"run\">", "</script>"));
    const std::size_t intervals = report.series.target.size();
    for (const char* key : {"target", "sent", "answered", "p50", "p90", "p99", "p999", "max"}) {
        CHECK(data.at(key).size() == intervals);
    }
    REQUIRE(data.at("phases").size() == 4);
    CHECK(data["phases"][1]["start"] == 1.0);
    CHECK(data["phases"][1]["end"] == 4.0);
    REQUIRE(data.at("curves").size() == 5);
    // The curve ends at the rarest value: the maximum, at one in all.
    const json& last = data["curves"][0]["latency"].back();
    CHECK(last[1].get<double>() == report.latency_us->max);
    double before = 0;
    for (const json& point : data["curves"][0]["service"]) {
        CHECK(point[1].get<double>() >= before);
        before = point[1].get<double>();
    }
}

TEST_CASE("no string of a report can become markup or script", "[loadgen][report]") {
    const std::string html = report::to_html(report_named(nasty));
    CHECK(html.find("<img") == std::string::npos);
    CHECK(html.find("onerror=alert(1)>") == std::string::npos);
    CHECK(times(html, "<script") == 3);
    CHECK(times(html, "</script>") == 3);
    CHECK(html.find('\xff') == std::string::npos);
    CHECK(html.find('\x01') == std::string::npos);
    const json data =
        json::parse(between(html, "<script type=\"application/json\" id=\"run\">", "</script>"));
    CHECK(data["phases"][0]["name"].get<std::string>().rfind("</script><img", 0) == 0);
}

TEST_CASE("report.html shows what it should, in the order it should", "[loadgen][report]") {
    const std::string html = report::to_html(report_named("viral-burst"));
    std::size_t at = 0;
    for (const char* part :
         {"<h1>viral-burst</h1>", "class=\"verdict valid\"", "<h2>Rate</h2>",
          "<h2>Latency over time</h2>", "<h2>Percentile curve</h2>", "<h2>Accounting</h2>",
          "<h2>Counts</h2>", "<h2>Errors by cause</h2>", "<h2>Generator health</h2>",
          "<h2>Objectives</h2>", "<h2>What was run</h2>"}) {
        CAPTURE(part);
        const auto found = html.find(part, at);
        REQUIRE(found != std::string::npos);
        at = found;
    }
    CHECK(html.find("scheduled 250,093 = sent 250,093 + unsent 0") != std::string::npos);
}

TEST_CASE("report.html shows no figure of what was not answered", "[loadgen][report]") {
    scenario::Plan plan = test::small_burst();
    plan.phases.resize(1);
    record::RunResult run = test::good_run(plan);
    test::fail_some(run, 0, record::Cause::reset, run.phases[0].accounting.answered);
    run.phases[0].latency = {};
    run.phases[0].service = {};
    for (record::Interval& interval : run.series) interval.latency = {};
    const std::string html = report::to_html(report::make_report(plan, run, {}, {}));
    CHECK(html.find("<dt>p99</dt><dd>&ndash;</dd><dd class=\"note\">no answers</dd>") !=
          std::string::npos);
    CHECK(html.find("<th scope=\"row\">peak</th><td>&ndash;</td>") != std::string::npos);
    for (const char* zero : {">0 ms<", ">0 µs<", ">0 ns<", "within 0"}) {
        CAPTURE(zero);
        CHECK(html.find(zero) == std::string::npos);
    }
    const json data =
        json::parse(between(html, "<script type=\"application/json\" id=\"run\">", "</script>"));
    CHECK(data["p50"][0].is_null());
}

TEST_CASE("text is escaped for where it stands", "[loadgen][report]") {
    CHECK(report::escaped("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
    CHECK(report::escaped("é→𝄞") == "é→𝄞");
    const std::string lost = "\xef\xbf\xbd";
    CHECK(report::escaped("\xff") == lost);
    CHECK(report::escaped("\xc0\xaf") == lost + lost);             // overlong
    CHECK(report::escaped("\xed\xa0\x80") == lost + lost + lost);  // a surrogate
    CHECK(report::escaped("\xe2\x82") == lost + lost);             // cut
    CHECK(report::escaped(std::string("a\0b", 3)) == "a" + lost + "b");
    CHECK(report::json_for_script("\"</script><!--&\xe2\x80\xa8\"") ==
          "\"\\u003c/script\\u003e\\u003c!--\\u0026\\u2028\"");
}
