#include "loadgen/report/report_json.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/version.hpp"
#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using nlohmann::json;

namespace {

report::Report report_of_burst() {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    test::fail_some(run, 0, record::Cause::reset, 12);
    report::RunContext context;
    context.target = "http://127.0.0.1:41873/viral";
    context.target_note = "embedded";
    context.scale = 64;
    context.compress = 10;
    context.command = {"qck", "bench", "viral"};
    auto report = report::make_report(
        plan, run, context,
        {report::parse_slo("p99<5ms").value(), report::parse_slo("errors<0.001%").value()});
    report.reconcile =
        report::Reconciliation{250'081, 250'081, 250'081, {{"SQLite", 250'080}}, -1, 7, 9};
    return report;
}

/// A directory of its own that goes with it.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "qck-report-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string operator/(const char* name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::string message_of(const std::string& text) {
    const auto report = report::from_json(text, "r.json");
    return report ? "accepted" : report.error().message;
}

}  // namespace

TEST_CASE("report.json has the shape of the design", "[loadgen][report]") {
    const json j = json::parse(report::to_json(report_of_burst()));
    CHECK(j.at("qck") == version);
    CHECK(j.at("scenario") == "viral-burst");
    CHECK(j.at("target") == "http://127.0.0.1:41873/viral");
    CHECK(j.at("scale") == 64);
    CHECK(j.at("verdict").at("status") == "VALID");
    CHECK(j.at("verdict").at("reasons") == json::array());
    const auto check_accounting = [](const json& a) {
        for (const char* key :
             {"scheduled", "sent", "unsent", "answered", "failed", "timed_out", "in_flight"}) {
            CHECK(a.at(key).is_number_unsigned());
        }
        CHECK(a["scheduled"] == a["sent"].get<int>() + a["unsent"].get<int>());
    };
    check_accounting(j.at("accounting"));
    REQUIRE(j.at("phases").size() == 4);
    for (const json& phase : j["phases"]) {
        CHECK(phase.at("name").is_string());
        for (const char* key : {"seconds", "target_rate", "achieved_rate"}) {
            CHECK(phase.at(key).is_number());
        }
        check_accounting(phase.at("accounting"));
        for (const char* kind : {"latency_us", "service_us", "send_lag_us"}) {
            for (const char* key : {"p50", "p90", "p99", "p999", "max", "mean"}) {
                CHECK(phase.at(kind).at(key).is_number());
            }
        }
        CHECK(phase.at("status").is_object());
        CHECK(phase.at("errors").is_object());
    }
    CHECK(j["phases"][0]["status"] == json{{"302", 156'238}});
    CHECK(j["phases"][0]["errors"] == json{{"reset", 12}});
    CHECK(j["phases"][1]["errors"] == json::object());
    CHECK(j.at("generator").at("cpu") == 0.71);
    CHECK(j["generator"].at("steal") == 0.002);
    CHECK(j["generator"].at("threads").size() == 1);
    CHECK(j["generator"].at("agents") == json::array());
    REQUIRE(j.at("objectives").size() == 2);
    CHECK(j["objectives"][0].at("expr") == "p99<5ms");
    CHECK(j["objectives"][0].at("value").is_number());
    CHECK(j["objectives"][0].at("pass") == true);
    CHECK(j["objectives"][1].at("pass") == false);
    CHECK(j.at("reconcile") == json{{"answered", 250'081},
                                    {"served", 250'081},
                                    {"counted", 250'081},
                                    {"stores", {{"SQLite", 250'080}}},
                                    {"difference", -1},
                                    {"calibration", 7},
                                    {"unanswered", 9}});
}

TEST_CASE("the buckets of report.json give its percentiles again", "[loadgen][report]") {
    const json j = json::parse(report::to_json(report_of_burst()));
    for (const json& phase : j["phases"]) {
        std::uint64_t total = 0;
        for (const std::uint64_t count : phase["latency_histogram"]["count"]) total += count;
        CHECK(total == phase["accounting"]["sent"].get<std::uint64_t>());
        std::uint64_t seen = 0;
        std::size_t at = 0;
        const auto rank = static_cast<std::uint64_t>(std::ceil(static_cast<double>(total) * 0.99));
        while ((seen += phase["latency_histogram"]["count"][at].get<std::uint64_t>()) < rank) ++at;
        CHECK(phase["latency_histogram"]["top_ns"][at].get<double>() / 1e3 ==
              phase["latency_us"]["p99"].get<double>());
    }
}

TEST_CASE("a report reads back as it was written", "[loadgen][report]") {
    report::Report report = report_of_burst();
    report.visible =
        report::Visibility{"qck-probe-1", 12, 1, 11, 0.1, 0.3, 10, "a click: no answer"};
    report.generator.interfaces = {{"", "lo", 0, 0, 1, 2, 3, 0, 0},
                                   {"b", "eth0", 1e10, 0.25, 4, 5, 6, 7, 8}};
    report.generator.sockets = record::SocketUse{64, 12, 28'232, 1'024};
    report.requests = {{"read", 90, 4, 80, 1, 2, 3, report::Latency{1, 2, 3, 4, 5, 1.5}},
                       {"write \" <b>", 5, 0, 0, 0, 5, 0, {}}};
    REQUIRE(report.steps->size() == 4);
    report.steps->at(1).drain_s.reset();
    report.steps->at(2).back_within_s.reset();
    report.steps->at(3).settled = false;
    const std::string text = report::to_json(report);
    const auto back = report::from_json(text, "r.json");
    if (!back) FAIL(back.error().message);
    CHECK(report::to_json(*back) == text);
    CHECK(back->visible == report.visible);
    CHECK(back->generator.interfaces == report.generator.interfaces);
    REQUIRE(back->requests.size() == 2);
    CHECK(back->requests[0].timed_out == 3);
    CHECK(back->requests[0].latency_us == report.requests[0].latency_us);
    CHECK_FALSE(back->requests[1].latency_us);
    CHECK(back->generator.sockets == report.generator.sockets);
    CHECK(back->steps->at(1) == report.steps->at(1));
    CHECK(back->steps->at(2) == report.steps->at(2));
    CHECK(back->reconcile == report.reconcile);
    CHECK(back->seed == report.seed);

    report.reconcile.reset();
    report.objectives[0].measured = false;
    report.description = "quotes \" and \\ and \xc3\xa9 and a byte that is no UTF-8: \xff";
    report.verdict.status = report::Status::interrupted;
    report.verdict.culprit = report::Culprit::network;
    report.verdict.reasons = {"stopped"};
    const auto again = report::from_json(report::to_json(report), "r.json");
    if (!again) FAIL(again.error().message);
    CHECK_FALSE(again->reconcile.has_value());
    CHECK_FALSE(again->objectives[0].measured);
    CHECK(again->verdict.status == report::Status::interrupted);
    CHECK(again->verdict.culprit == report::Culprit::network);
    CHECK(again->description ==
          "quotes \" and \\ and \xc3\xa9 and a byte that is no UTF-8: \xef\xbf\xbd");
}

TEST_CASE("what was not measured is null, and reads back as nothing", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    const std::uint64_t all = run.phases[0].accounting.answered;
    test::fail_some(run, 0, record::Cause::reset, all);
    run.phases[0].latency = {};
    run.phases[0].service = {};
    run.series[0].latency = {};
    const report::Report report = report::make_report(plan, run, {}, {});
    const json j = json::parse(report::to_json(report));
    CHECK(j["phases"][0]["latency_us"].is_null());
    CHECK(j["phases"][0]["service_us"].is_null());
    CHECK(j["phases"][0]["send_lag_us"]["p99"].is_number());
    CHECK(j["phases"][0]["cpu"].is_null());
    CHECK(j["phases"][0]["arrivals"].is_null());
    CHECK(j["latency_us"]["p99"].is_number());
    CHECK(j["series"]["p50_us"][0].is_null());
    CHECK(j["series"]["max_us"][1].is_number());
    const auto back = report::from_json(report::to_json(report), "r.json");
    if (!back) FAIL(back.error().message);
    CHECK_FALSE(back->phases[0].latency_us.has_value());
    CHECK(back->phases[1].latency_us.has_value());
    CHECK(std::isnan(back->series.p50_us[0]));
    CHECK(report::to_json(*back) == report::to_json(report));
    // An older qck wrote zeros for none.
    json older = j;
    older["phases"][0]["service_us"] = {{"p50", 0},  {"p90", 0}, {"p99", 0},
                                        {"p999", 0}, {"max", 0}, {"mean", 0}};
    older["phases"][0].erase("cpu");
    older["phases"][0].erase("arrivals");
    older["verdict"].erase("notes");
    older.erase("requests");
    older["reconcile"] = {{"answered", older["accounting"]["answered"].get<std::uint64_t>() + 12},
                          {"served", 1},
                          {"counted", 1},
                          {"stores", json::object()},
                          {"difference", 0}};
    older.erase("visible");
    const auto old = report::from_json(older.dump(), "r.json");
    if (!old) FAIL(old.error().message);
    CHECK_FALSE(old->phases[0].service_us.has_value());
    CHECK(old->requests.empty());
    CHECK(report::beside_the_run(*old) == "12 in calibration");
}

TEST_CASE("a report says who else had the CPUs, how requests arrived, and what was noted",
          "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.arrivals.emplace().slot = std::chrono::milliseconds(100);
    using std::chrono::microseconds, std::chrono::milliseconds;
    run.arrivals->slots = {{{}, 15'600, milliseconds(3), milliseconds(50), microseconds(7)},
                           {run.phases[0].duration, 1, {}, {}, {}}};
    test::take_cpus(run, 0, {true, 0.012, 0.3, 0.03});
    run.phases[3].send_lag.record(38'000'000);
    report::RunContext context;
    context.links_added = 1000;
    const std::string text = report::to_json(report::make_report(plan, run, context, {}));
    const json j = json::parse(text);
    CHECK(j["phases"][0]["cpu"]["steal"].get<double>() == Approx(0.012));
    CHECK(j["phases"][0]["cpu"]["others"].get<double>() == Approx(0.3));
    CHECK(j["phases"][0]["cpu"]["kept_waiting"].get<double>() == Approx(0.03));
    CHECK(j["phases"][1]["cpu"]["steal"] == 0);
    CHECK(j["phases"][0]["arrivals"]["requests"] == 15'600);
    CHECK(j["phases"][0]["arrivals"]["idle_max_us"] == 3'000);
    CHECK(j["phases"][0]["arrivals"]["late_max_us"] == 7);
    CHECK(j["phases"][1]["arrivals"].is_null());
    CHECK(j["verdict"]["notes"].size() == 1);
    CHECK(j["links"]["added"] == 1000);
    const auto back = report::from_json(text, "r.json");
    if (!back) FAIL(back.error().message);
    CHECK(report::to_json(*back) == text);
}

TEST_CASE("a report that is not whole says what is missing and where", "[loadgen][report]") {
    const json good = json::parse(report::to_json(report_of_burst()));
    const auto without = [&good](const char* pointer) {
        json changed = good;
        const json::json_pointer at(pointer);
        changed.at(at.parent_pointer()).erase(at.back());
        return message_of(changed.dump());
    };
    const auto with = [&good](const char* pointer, const json& value) {
        json changed = good;
        changed[json::json_pointer(pointer)] = value;
        return message_of(changed.dump());
    };
    CHECK(without("/format") == "r.json:1: format: missing; expected a whole number");
    CHECK(with("/format", 2) == "r.json: is of format 2, and this qck reads format 1");
    CHECK(without("/phases/1/latency_us/p99") ==
          "r.json:1: phases[1].latency_us.p99: missing; expected a number");
    CHECK(without("/machine") == "r.json:1: machine: missing; expected an object");
    CHECK(with("/accounting/sent", -5) ==
          "r.json:1: accounting.sent: expected a whole number, got -5");
    CHECK(with("/phases", "x") == "r.json:1: phases: expected an array, got \"x\"");
    CHECK(with("/verdict/status", "GOOD") ==
          "r.json:1: verdict.status: expected VALID, INVALID or INTERRUPTED");
    CHECK(with("/series/sent", json::array({1, 2})) ==
          "r.json:1: series: its arrays differ in length");
    CHECK(with("/phases/0/latency_histogram/count", json::array({1})) ==
          "r.json:1: phases[0].latency_histogram.count: expected as many as top_ns has");
    CHECK(message_of("{\"qck\": 1,\n\"format\": 1}") ==
          "r.json:1: qck: expected a string, got 1 (and 29 more)");
    CHECK(message_of("[]") == "r.json:1: expected an object, got an array");
    CHECK(message_of("{\n\"qck\": ").rfind("r.json:2: not valid JSON: ", 0) == 0);
    // What a later qck adds does no harm.
    CHECK(with("/added_later", json::array({1})) == "accepted");
}

TEST_CASE("no mangled report crashes the reader", "[loadgen][report]") {
    const unsigned seed = 4242;
    CAPTURE(seed);
    std::mt19937 random(seed);
    report::Report report = report_of_burst();
    for (report::PhaseReport& phase : report.phases) phase.latency_buckets.resize(3);
    for (report::PhaseReport& phase : report.phases) phase.service_buckets.clear();
    report.series = {};
    const std::string good = report::to_json(report);
    REQUIRE(message_of(good) == "accepted");
    int accepted = 0;
    for (int i = 0; i < 2000; ++i) {
        std::string text = good;
        const std::size_t at = random() % text.size();
        switch (random() % 4) {
            case 0:
                text[at] = static_cast<char>(random());
                break;
            case 1:
                text.erase(at, 1 + random() % 20);
                break;
            case 2:
                text.insert(at, text.substr(random() % text.size(), random() % 20));
                break;
            default:
                text.resize(at);
                break;
        }
        const auto read = report::from_json(text, "r.json");
        if (read) {
            ++accepted;
            CHECK_FALSE(report::to_json(*read).empty());
        } else {
            CHECK(read.error().message.rfind("r.json", 0) == 0);
        }
    }
    CHECK(accepted > 0);
}

TEST_CASE("reports are written whole, into directories made for them", "[loadgen][report]") {
    const Folder folder;
    const report::Report report = report_of_burst();
    const std::string directory = folder / "runs/one";
    REQUIRE(report::write_report(report, directory).has_value());
    REQUIRE(report::write_report(report, directory).has_value());
    const auto by_directory = report::read_report(directory);
    const auto by_file = report::read_report(directory + "/report.json");
    REQUIRE(by_directory.has_value());
    REQUIRE(by_file.has_value());
    CHECK(report::to_json(*by_directory) == report::to_json(report));
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        ++files;
        CHECK(
            (entry.path().filename() == "report.json" || entry.path().filename() == "report.html"));
    }
    CHECK(files == 2);
}

TEST_CASE("a report that cannot be read or written is said to be so", "[loadgen][report]") {
    const Folder folder;
    CHECK(report::read_report(folder / "none").error().message ==
          folder / "none" + ": no such report (RUN is the directory of a run, or its report.json)");
    CHECK(report::read_report(folder.path()).error().message ==
          folder / "report.json" +
              ": no such report (RUN is the directory of a run, or its report.json)");
    std::ofstream(folder / "file") << "x";
    CHECK(report::write_report(report_of_burst(), folder / "file/x").error().message ==
          "cannot make directory " + (folder / "file/x") + ": Not a directory");
}
