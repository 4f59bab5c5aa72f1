#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using nlohmann::json;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Directories of runs that differ as a test wants them to, made from one that ran.
struct Runs {
    Runs() {
        test::TestTarget target(test::redirect);
        const auto run = test::run_program(
            QCK_PROGRAM, {"bench", "constant", "--rate", "50", "--duration", "200ms", "--timeout",
                          "10s", "--repeat", "2", "--target", target.url(), "--out", path("made")});
        INFO(run.out << run.err);
        REQUIRE((run.exit_code == 0 || run.exit_code == 4));
        REQUIRE(std::filesystem::exists(path("made") + "/1/report.json"));
        REQUIRE(std::filesystem::exists(path("made") + "/2/report.json"));
        report = json::parse(test::text_of_file(path("made") + "/1/report.json"));
        report["verdict"] = {{"status", "VALID"},
                             {"reasons", json::array()},
                             {"cause", ""},
                             {"advice", json::array()}};
    }
    std::string path(const std::string& name) const { return (directory.path() / name).string(); }
    /// Runs whose p99 is as given, one after another.
    void make(const std::string& name, const std::vector<double>& p99_us) const {
        for (std::size_t i = 0; i < p99_us.size(); ++i) {
            const auto at = directory.path() / name / std::to_string(i + 1);
            std::filesystem::create_directories(at);
            json one = report;
            one["latency_us"]["p99"] = p99_us[i];
            std::ofstream(at / "report.json") << one;
        }
    }
    test::ProgramRun compare(const std::string& a, const std::string& b) const {
        return test::run_program(QCK_PROGRAM, {"report", "compare", path(a), path(b)});
    }

    test::TemporaryDirectory directory;
    json report;
};

}  // namespace

TEST_CASE("runs that differ are told from runs that do not", "[report][compare]") {
    const Runs runs;
    runs.make("a", {100, 110, 105, 98, 103});
    runs.make("b", {200, 190, 210, 205, 195});
    runs.make("c", {104, 99, 111, 101, 107});
    const auto slower = runs.compare("a", "b");
    CAPTURE(slower.out, slower.err);
    CHECK(slower.exit_code == 0);
    CHECK(contains(slower.out, "5 runs"));
    // 2 of C(10, 5) = 252 ways.
    CHECK(contains(slower.out, "+94.2 %  0.008  differs"));
    const auto same = runs.compare("a", "c");
    CAPTURE(same.out);
    CHECK_FALSE(contains(same.out, " differs\n"));
    CHECK(contains(same.out, "no difference shown"));
}

TEST_CASE("runs that were not alike are said to be so, and which way", "[report][compare]") {
    Runs runs;
    runs.make("a", {100, 110, 105, 98});
    CHECK_FALSE(contains(runs.compare("a", "a").out, "the runs had different"));
    runs.report["nominal_peak_rate"] = 10'000'000;
    runs.report["scale"] = 100;
    runs.make("b", {100, 110, 105, 98});
    runs.report["scale"] = 120;
    runs.report["connections"] = 32;
    runs.report["scenario"] = "other";
    runs.make("c", {100, 110, 105, 98});
    const auto compared = runs.compare("b", "c");
    CAPTURE(compared.out, compared.err);
    CHECK(contains(compared.out, "the runs had different scenarios: constant and other\n"));
    CHECK(contains(compared.out,
                   "the runs had different connections: 32 of depth 1 and 64 of depth 1\n"));
    CHECK(contains(compared.out, "the runs had different peak rates: 83.33k/s to 100k/s\n"));
}

TEST_CASE("too few runs are said to be too few, and runs that are not VALID do not count",
          "[report][compare]") {
    Runs runs;
    runs.make("a", {100, 101, 102});
    runs.make("b", {200, 201, 202});
    const auto few = runs.compare("a", "b");
    CAPTURE(few.out);
    CHECK(contains(few.out,
                   "so few runs cannot show any difference (the smallest p they can have "
                   "is 0.100)"));
    runs.report["verdict"]["status"] = "INVALID";
    runs.report["verdict"]["reasons"] = {"it was late"};
    runs.make("b", {1});
    CHECK(contains(runs.compare("a", "b").out, "2 runs, 1 not VALID left out"));
    runs.make("none", {1, 2});
    const auto none = runs.compare("a", "none");
    CHECK(none.exit_code == 3);
    CHECK(contains(none.err, "no run of it is VALID"));
    CHECK(runs.compare("a", "nowhere").exit_code == 2);
}

TEST_CASE("answers that came after the end of a closed loop are not compared",
          "[report][compare]") {
    Runs runs;
    json& phase = runs.report["phases"][0];
    // 3 s, of which one had nothing to do; answers of 200 more came late.
    phase["seconds"] = 2.0;
    phase["achieved_rate"] = 300.0;
    runs.report["phases"].push_back(phase);
    runs.report["phases"][1]["seconds"] = 1.0;
    runs.report["phases"][1]["achieved_rate"] = 0.0;
    runs.report["accounting"]["answered"] = 800;
    runs.make("a", {100});
    const auto compared = test::run_program(
        QCK_PROGRAM, {"report", "compare", runs.path("a"), runs.path("a"), "--json"});
    CAPTURE(compared.out, compared.err);
    const json measure = json::parse(compared.out)["measures"][0];
    CHECK(measure["name"] == "answered");
    CHECK(measure["median_a"].get<double>() == 200);
}

TEST_CASE("runs of before are not mixed with those of a new --repeat", "[report][compare]") {
    const Runs runs;
    const auto again = test::run_program(
        QCK_PROGRAM, {"bench", "constant", "--rate", "50", "--duration", "200ms", "--repeat", "1",
                      "--target", "http://127.0.0.1:9", "--out", runs.path("made")});
    // --repeat 1 is a run like any other, into the directory itself.
    CHECK_FALSE(contains(again.err, "of runs made before"));
    const auto refused = test::run_program(
        QCK_PROGRAM, {"bench", "constant", "--rate", "50", "--duration", "200ms", "--repeat", "3",
                      "--target", "http://127.0.0.1:9", "--out", runs.path("made")});
    CHECK(refused.exit_code == 2);
    CHECK(refused.err == "qck bench: --out: " + runs.path("made") +
                             "/1 is there already, of runs made before (name another directory, "
                             "or remove it)\n");
    CHECK_FALSE(std::filesystem::exists(runs.path("made") + "/3"));
}

TEST_CASE("the runs of --repeat are shown one after another", "[report]") {
    const Runs runs;
    runs.make("a", {100, 110});
    const auto shown = test::run_program(QCK_PROGRAM, {"report", "show", runs.path("a")});
    CAPTURE(shown.out, shown.err);
    CHECK(shown.exit_code == 0);
    CHECK(contains(shown.out, runs.path("a") + "/1: constant on "));
    CHECK(contains(shown.out, "\n" + runs.path("a") + "/2: constant on "));
    const auto both = test::run_program(QCK_PROGRAM, {"report", "show", "--json", runs.path("a")});
    CHECK(json::parse(both.out).size() == 2);
}

TEST_CASE("of a search its result is shown, and not the run alone", "[report]") {
    Runs runs;
    runs.report["verdict"] = {{"status", "INVALID"},
                              {"reasons", {"it was late"}},
                              {"cause", "generator"},
                              {"advice", json::array()}};
    runs.make("a", {100});
    const std::filesystem::path directory = runs.path("a") + "/1";
    std::ofstream(directory / "search.json") << json{
        {"kind", "search"},
        {"target", "http://127.0.0.1:1/viral"},
        {"result",
         {{"status", "found"}, {"conclusion", "10k/s holds p99<5ms"}, {"advice", "Go on."}}}};
    for (const auto& path : {directory.string(), (directory / "search.json").string()}) {
        const auto shown = test::run_program(QCK_PROGRAM, {"report", "show", path});
        CAPTURE(shown.out, shown.err);
        CHECK(shown.exit_code == 0);
        CHECK(shown.out.find(path + ": search on http://127.0.0.1:1/viral\n10k/s holds p99<5ms\n"
                                    "Go on.\n\nthe run that this rests on:\n") == 0);
    }
    std::filesystem::remove(directory / "report.json");
    const auto alone = test::run_program(QCK_PROGRAM, {"report", "show", directory.string()});
    CHECK(alone.exit_code == 0);
    CHECK(contains(alone.out, "10k/s holds p99<5ms"));
    CHECK_FALSE(contains(alone.out, "rests on"));
    std::ofstream(directory / "search.json") << "{}";
    const auto broken = test::run_program(QCK_PROGRAM, {"report", "show", directory.string()});
    CHECK(broken.exit_code == 2);
    CHECK(contains(broken.err, "search.json: is no report of a search"));
}
