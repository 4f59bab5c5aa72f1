#include "cli/render/run_summary.hpp"

#include <sstream>

#include "base/version.hpp"
#include "cli/render/table.hpp"
#include "tests/cli/render/terminals.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using test::ascii_terminal;
using test::unicode_terminal;

namespace {

report::RunContext context_of_burst() {
    report::RunContext context;
    context.target = "http://127.0.0.1:41873/viral";
    context.target_note = "embedded, journal on, SQLite";
    context.scale = 64;
    context.compress = 10;
    context.calibration = "this machine offers 212k/s to this target";
    context.scale_note = "the full 10M/s would take 48 generator cores";
    return context;
}

report::Report report_of(const record::RunResult& run) {
    return report::make_report(test::small_burst(), run, context_of_burst(),
                               {report::parse_slo("p99<5ms").value()});
}

std::size_t widest(const std::string& text) {
    std::size_t width = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = text.find('\n', at);
        width = std::max(width, render::display_width(text.substr(at, end - at)));
        at = end + 1;
    }
    return width;
}

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

}  // namespace

TEST_CASE("the head says what is offered to whom, and at which scale", "[cli][render]") {
    CHECK(render::run_head(test::small_burst(), context_of_burst(), unicode_terminal) ==
          "qck " + std::string(version) +
              "  viral burst, 10M/s nominal, time compressed 10x\n"
              "target      http://127.0.0.1:41873/viral   (embedded, journal on, SQLite)\n"
              "calibrate   this machine offers 212k/s to this target → running 1:64, peak\n"
              "            156.2k/s\n"
              "            the full 10M/s would take 48 generator cores\n\n");
}

TEST_CASE("the summary of a good run", "[cli][render]") {
    report::Report report = report_of(test::good_run(test::small_burst()));
    report.reconcile = report::Reconciliation{250'093, 250'093, 250'093, {{"SQLite", 250'093}}, 0};
    CHECK(render::run_summary(report, "runs/x/report.html", unicode_terminal) ==
          "peak        1s  █████████████████████████████  156.2k/s  p50 0.15  p99 0.41 ms\n"
          "stragglers  3s  ██▉                            15.62k/s  p50 0.14  p99 0.36 ms\n"
          "retweets   30s  ▎                              1.562k/s  p50 0.12  p99 0.33 ms\n"
          "normal      6s  ▏                                15.5/s  p50 0.10  p99 0.21 ms\n"
          "\n"
          "accounting  scheduled 250,093 = sent 250,093 + unsent 0\n"
          "            sent 250,093 = answered 250,093 + failed 0 + timed out 0\n"
          "            + in flight 0\n"
          "counts      answered 250,093 = served 250,093 = journal 250,093 = SQLite 250,093\n"
          "generator   send lag p99 34.4 µs · CPU 71 % · steal 0.2 %\n"
          "burst       no backlog at any step, always within p99<5ms\n"
          "objectives  p99<5ms  0.391 ms  met\n"
          "verdict     VALID\n"
          "            this was 1:64 of the 10M/s asked for; the full 10M/s would take 48\n"
          "            generator cores\n"
          "report      runs/x/report.html\n");
}

TEST_CASE("without UTF-8 the summary is ASCII and says the same", "[cli][render]") {
    record::RunResult run = test::good_run(test::small_burst());
    test::lag(run, 0, 38ms);
    test::fail_some(run, 1, record::Cause::reset, 7);
    run.generator.cpu_share_max = 0.99;
    report::Report report = report_of(run);
    report.reconcile = report::Reconciliation{250'086, 250'086, 250'080, {}, -6};
    const std::string text = render::run_summary(report, "", ascii_terminal);
    CHECK(text ==
          "peak        1s  #############################  156.2k/s  p50 0.153  p99 38.1 ms\n"
          "stragglers  3s  ###                            15.62k/s  p50 0.14  p99 0.36 ms\n"
          "retweets   30s  #                              1.562k/s  p50 0.12  p99 0.33 ms\n"
          "normal      6s  #                                15.5/s  p50 0.10  p99 0.21 ms\n"
          "\n"
          "accounting  scheduled 250,093 = sent 250,093 + unsent 0\n"
          "            sent 250,093 = answered 250,086 + failed 7 + timed out 0\n"
          "            + in flight 0\n"
          "errors      reset 7\n"
          "counts      answered 250,086 = served 250,086 != journal 250,080\n"
          "            difference -6\n"
          "generator   send lag p99 38 ms | CPU 99 % | steal 0.2 %\n"
          "burst       no backlog at any step, always within p99<5ms\n"
          "objectives  p99<5ms  38.1 ms  MISSED\n"
          "verdict     INVALID: the generator could not keep time (send lag p99 38 ms in\n"
          "            peak; its CPU was at 99 %)\n"
          "            The latencies include that lag. Lower --rate to 110k, add --threads,\n"
          "            or give it more cores.\n"
          "            this was 1:64 of the 10M/s asked for; the full 10M/s would take 48\n"
          "            generator cores\n");
    CHECK(widest(text) <= 80);
}

TEST_CASE("what calibration asked for is counted too, and said to be", "[cli][render]") {
    report::Report report = report_of(test::good_run(test::small_burst()));
    report.reconcile = report::Reconciliation{250'193, 250'193, 250'193, {}, 0, 100, 0};
    CHECK(render::run_summary(report, "", unicode_terminal)
              .find("counts      answered 250,193 (100 in calibration) = served 250,193") !=
          std::string::npos);
}

TEST_CASE("what was counted without an answer is allowed for, and said", "[cli][render]") {
    report::Report report = report_of(test::good_run(test::small_burst()));
    report.reconcile =
        report::Reconciliation{250'093, 250'192, 250'192, {{"SQLite", 250'192}}, 0, 0, 514};
    CHECK(test::contains(render::run_summary(report, "", unicode_terminal),
                         "counts      answered 250,093 (514 more may be counted) ≠ served 250,192\n"
                         "            = journal 250,192 = SQLite 250,192\n"));
}

TEST_CASE("probe clicks are counted too, and what a step did is said", "[cli][render]") {
    record::RunResult run = test::good_run(test::small_burst());
    // A standstill at the end of the peak: what was due then is answered a second later.
    const std::uint64_t due = run.series[9].answered;
    run.series[9].answered = 0;
    run.series[19].answered += due;
    run.series[9].latency.record(1'000'000'000, 10'000);
    report::Report report = report_of(run);
    report.reconcile = report::Reconciliation{250'193, 250'193, 250'193, {}, 0, 60, 0};
    report.visible = report::Visibility{"qck-probe-1", 40, 0, 40, 0.11, 0.32, 0.3, ""};
    const std::string text = render::run_summary(report, "", unicode_terminal);
    CHECK(test::contains(text,
                         "counts      answered 250,193 (60 in calibration, 40 probes) = served"));
    CHECK(test::contains(text, "burst       peak: backlog 15,625 after 1 s, drained in 1 s"));
    CHECK(test::contains(text, "not back within p99<5ms (outside for 100 ms)"));
    CHECK(test::contains(text, "visible after 110 ms (p50), at most 320 ms (40 probe clicks)"));
    report.visible = report::Visibility{"qck-probe-1", 1, 0, 0, 0, 0, 10, "given up after that"};
    CHECK(test::contains(render::run_summary(report, "", unicode_terminal),
                         "no click was visible (1 probe click), in 10 s"));
}

TEST_CASE("kinds of requests have their own lines, as many as a reader takes in", "[cli][render]") {
    report::Report report = report_of(test::good_run(test::small_burst()));
    CHECK_FALSE(test::contains(render::run_summary(report, "", unicode_terminal), "requests"));
    const report::Latency latency{120, 300, 530, 900, 2'000, 140};
    report.requests = {{"read", 16'502, 0, 16'502, 0, 0, 0, latency},
                       {"a", 4'126, 31, 4'100, 20, 4, 2, latency},
                       {"none", 3, 0, 0, 0, 3, 0, {}}};
    const std::string text = render::run_summary(report, "", unicode_terminal);
    CHECK(test::contains(
        text,
        "requests    read · answered 16,502 · p50 0.12  p99 0.53 ms\n"
        "            a · answered 4,100 · unsent 31 · errors 26 · p50 0.12  p99 0.53 ms\n"
        "            none · answered 0 · errors 3\n"));
    report.requests.resize(7);
    CHECK(test::contains(render::run_summary(report, "", unicode_terminal),
                         "            and 1 more kind in the report\n"));
    report.requests.resize(9);
    CHECK(test::contains(render::run_summary(report, "", unicode_terminal),
                         "            and 3 more kinds in the report\n"));
}

TEST_CASE("colour adds nothing to the words", "[cli][render]") {
    const report::Report report = report_of(test::good_run(test::small_burst()));
    render::Terminal coloured = unicode_terminal;
    coloured.colour = true;
    std::string text = render::run_summary(report, "", coloured);
    CHECK(text.find("\x1b[32mVALID\x1b[0m") != std::string::npos);
    for (auto at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b')) {
        text.erase(at, text.find('m', at) + 1 - at);
    }
    CHECK(text == render::run_summary(report, "", unicode_terminal));
}

TEST_CASE("an interrupted run that answered nothing is shown without figures it has not",
          "[cli][render]") {
    record::RunResult run;
    run.interrupted = true;
    run.planned = 40s;
    run.duration = 300ms;
    run.phases.emplace_back();
    run.phases[0].name = "peak";
    run.phases[0].duration = 300ms;
    const std::string text = render::run_summary(report_of(run), "", unicode_terminal);
    CHECK(text.find("nothing answered") != std::string::npos);
    CHECK(text.find("INTERRUPTED: stopped after 300 ms of 40 s") != std::string::npos);
    CHECK(text.find("counts") == std::string::npos);
    CHECK(text.find("p99<5ms  not measured  not judged") != std::string::npos);
}

TEST_CASE("a run whose every answer is an error says so", "[cli][render]") {
    record::RunResult run = test::good_run(test::small_burst());
    for (auto& phase : run.phases) {
        phase.status = {{500, phase.accounting.answered}};
        phase.unexpected = phase.status;
    }
    const report::Report report = report_of(run);
    CHECK(test::contains(render::run_summary(report, "", unicode_terminal),
                         "answers     answered 250,093 = 500: 250,093 (not asked for)\n"));
    CHECK(test::contains(report::conclusion_of(report), "all answers were 500"));
    for (auto& phase : run.phases) {
        phase.status = {{301, phase.accounting.answered}};
        phase.unexpected.clear();
    }
    CHECK_FALSE(
        test::contains(render::run_summary(report_of(run), "", unicode_terminal), "answers"));
}

TEST_CASE("objectives of an interrupted run are not shown as met", "[cli][render]") {
    record::RunResult run = test::good_run(test::small_burst());
    run.interrupted = true;
    const report::Report report = report_of(run);
    CHECK_FALSE(report.objectives[0].pass);
    CHECK(test::contains(render::run_summary(report, "", unicode_terminal),
                         "p99<5ms  0.391 ms  not judged"));
    CHECK_FALSE(test::contains(report::conclusion_of(report), "objective"));
}

TEST_CASE("a report that cannot be compared with counts says why", "[cli][render]") {
    report::Report report = report_of(test::good_run(test::small_burst()));
    report.reconcile_failure = "the embedded qck serve ended before the run did";
    CHECK(test::contains(
        render::run_summary(report, "", unicode_terminal),
        "counts      not compared: the embedded qck serve ended before the run did\n"));
}

TEST_CASE("what a report says reaches the terminal as text only", "[cli][render]") {
    report::Report report = report_of(test::good_run(test::small_burst()));
    report.phases[0].name = "\x1b[2Jpeak";
    report.verdict.reasons = {
        "\x1b]0;title\x07 \xc2\x9b"
        "31m"};
    for (const render::Terminal& terminal : {unicode_terminal, ascii_terminal}) {
        const std::string text = render::run_summary(report, "", terminal);
        CHECK(text.find('\x1b') == std::string::npos);
        CHECK(text.find('\x07') == std::string::npos);
        CHECK(text.find("\xc2\x9b") == std::string::npos);
    }
}

TEST_CASE("a summary fits 40 columns and 80, and no figure is broken", "[cli][render]") {
    scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    test::lag(run, 0, 38ms);
    test::fail_some(run, 1, record::Cause::reset, 7);
    test::unsend_some(run, 2, record::Cause::no_free_connection, 12'345);
    run.phases[3].name = "a phase with a name that no terminal is wide enough for";
    report::Report report = report_of(run);
    report.reconcile = report::Reconciliation{237'841, 237'841, 237'841, {{"SQLite", 12'480}}, -9};
    report.generator.new_connections_asked_per_s = 2000;
    report.requests = {{"a kind of request with a name that is far too long for anybody", 98'765, 0,
                        87'654, 1, 0, 0, report::Latency{12'345, 0, 54'321, 0, 0, 0}}};
    const std::string whole =
        render::run_summary(report, "", render::Terminal{false, false, true, 100});
    for (const int width : {40, 80}) {
        for (const bool unicode : {true, false}) {
            CAPTURE(width, unicode);
            const render::Terminal terminal{false, false, unicode, width};
            const std::string text = render::run_head(plan, context_of_burst(), terminal) +
                                     render::run_summary(report, "runs/now/report.html", terminal);
            CHECK(widest(text) <= static_cast<std::size_t>(width));
            // Every figure of the wide summary stands here in one piece.
            for (const std::string& word : words_of(whole)) {
                if (word.find_first_of("0123456789") == std::string::npos) continue;
                CAPTURE(word);
                CHECK(test::contains(text, render::plain_if_needed(terminal, word)));
            }
        }
    }
}

TEST_CASE("what nobody answered has no latency, in no line", "[cli][render]") {
    record::RunResult run = test::good_run(test::small_burst());
    for (std::size_t at = 0; at < run.phases.size(); ++at) {
        test::fail_some(run, at, record::Cause::reset, run.phases[at].accounting.answered);
        run.phases[at].latency = {};
        run.phases[at].service = {};
        run.phases[at].send_lag = {};
    }
    const report::Report report = report_of(run);
    const std::string text = render::run_summary(report, "", unicode_terminal);
    CHECK(test::contains(text, "nothing answered\n"));
    CHECK(test::contains(text, "generator   send lag p99 - ·"));
    CHECK_FALSE(test::contains(text, "p50"));
    CHECK_FALSE(test::contains(text, " 0 ms"));
}

TEST_CASE("the head says how many links were put into the service", "[cli][render]") {
    report::RunContext context = context_of_burst();
    CHECK_FALSE(
        test::contains(render::run_head(test::small_burst(), context, unicode_terminal), "links"));
    context.links_added = 1000;
    CHECK(test::contains(render::run_head(test::small_burst(), context, unicode_terminal),
                         "links       added 1,000 links to the service, which stay there\n"));
}
