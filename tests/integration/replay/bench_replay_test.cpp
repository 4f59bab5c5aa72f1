#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/nginx_server.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Broken lines put together again.
std::string unwrapped(std::string text) {
    for (auto at = text.find("\n  "); at != std::string::npos; at = text.find("\n  ", at)) {
        text.replace(at, text.find_first_not_of(" \n", at) - at, " ");
    }
    return text;
}

struct Replay {
    test::ProgramRun operator()(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"bench", "replay"});
        arguments.insert(arguments.end(), {"--out", out().string()});
        return test::run_program(QCK_PROGRAM, arguments);
    }
    std::string log(const std::string& text) const {
        const auto path = directory.path() / "access.log";
        std::ofstream(path, std::ios::binary) << text;
        return path.string();
    }
    std::filesystem::path out() const { return directory.path() / "run"; }
    json report() const { return json::parse(test::text_of_file(out() / "report.json")); }

    test::TemporaryDirectory directory;
};

/// The run went to its end. Whether it kept time is the machine's affair.
bool ran(const test::ProgramRun& run) { return run.exit_code == 0 || run.exit_code == 4; }

bool closes(const json& sum) {
    const auto of = [&](const char* name) { return sum.at(name).get<std::uint64_t>(); };
    return of("scheduled") == of("sent") + of("unsent") &&
           of("sent") == of("answered") + of("failed") + of("timed_out") + of("in_flight");
}

std::map<std::string, int> requests_in(const std::filesystem::path& nginx_log) {
    std::map<std::string, int> found;
    std::ifstream in(nginx_log);
    for (std::string line; std::getline(in, line);) {
        const auto open = line.find('"');
        ++found[line.substr(open, line.find(" HTTP/", open) - open)];
    }
    return found;
}

}  // namespace

TEST_CASE("a log that a real nginx wrote is replayed request for request", "[replay][skippable]") {
    if (!test::NginxServer::is_installed()) QCK_SKIP("nginx is not installed");
    const std::string http = "access_log access.log combined;";
    const std::string server = "location / { return 302 https://example.com/; }";
    const Replay replay;
    test::NginxServer first(http, server);
    // A scenario of many links, HEADs and unknown codes makes it, so that no two halves are alike.
    const auto scenario = replay.directory.path() / "mixed.json";
    std::ofstream(scenario) << R"({"name": "mixed",
        "phases": [{"name": "only", "rate": 400, "duration": "2500ms"}],
        "requests": [{"name": "redirect", "path": "/{link}?q=%C3%A9"}],
        "links": {"hot": "hit", "hot_share": 0.5, "tail": {"count": 200}},
        "unknown_share": 0.1, "head_share": 0.1})";
    const auto made =
        test::run_program(QCK_PROGRAM, {"bench", "run", scenario.string(), "--target", first.url(),
                                        "--out", (replay.directory.path() / "made").string()});
    CAPTURE(made.out, made.err);
    REQUIRE(ran(made));
    first.stop();
    const auto log = first.directory() / "access.log";
    const auto wanted = requests_in(log);
    REQUIRE(wanted.size() > 50);

    test::NginxServer second(http, server);
    const auto run = replay({log.string(), "--target", second.url(), "--threads", "2"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    second.stop();
    CHECK(requests_in(second.directory() / "access.log") == wanted);
    const json report = replay.report();
    CHECK(closes(report["accounting"]));
    CHECK(report["accounting"]["answered"] == 1000);
    CHECK(report["log"]["requests"] == 1000);
    CHECK(report["log"]["format"] == "common");
    CHECK(report["log"]["malformed"] == 0);
    CHECK(report["seconds"].get<double>() > 1.5);
    CHECK(contains(run.out, "1,000 requests"));
}

TEST_CASE("requests are replayed when they were made, faster where that is asked for", "[replay]") {
    std::mutex mutex;
    std::vector<std::int64_t> at;
    test::TestTarget target([&](std::string_view) {
        const std::lock_guard lock(mutex);
        at.push_back(monotonic_ns());
        return test::Reaction{test::redirect_response()};
    });
    const Replay replay;
    const auto run = replay(
        {replay.log("0\t/a\n2000\t/b\n3000\t/c\n"), "--target", target.url("/"), "--speed", "2"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    REQUIRE(at.size() == 3);
    const auto ms = [&](std::size_t i) { return (at[i] - at[0]) / 1'000'000; };
    CHECK(ms(1) > 900);
    CHECK(ms(1) < 1'900);
    CHECK(ms(2) > 1'400);
    CHECK(replay.report()["log"]["speed"] == 2);
}

TEST_CASE("a replay counts latency from when the log has a request, through a stall", "[replay]") {
    test::TestTarget target(test::redirect);
    const Replay replay;
    std::string text;
    for (int i = 0; i < 1'000; ++i) text += std::to_string(2 * i) + "\t/x\n";
    // From the tenth request on it stands still for 700 ms: some 350 requests wait, the first of
    // them that long. With one connection service times know of one slow request only.
    std::jthread stall([&] {
        if (!test::eventually([&] { return target.requests() >= 10; })) return;
        target.pause(true);
        std::this_thread::sleep_for(700ms);
        target.pause(false);
    });
    const auto run = replay(
        {replay.log(text), "--target", target.url("/"), "--connections", "1", "--threads", "1"});
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 4);
    const json report = replay.report();
    CHECK(closes(report["accounting"]));
    CHECK(report["accounting"]["answered"] == 1'000);
    // A hypervisor that had the CPUs meanwhile is as good a cause, and the report says so.
    if (report["generator"]["steal"] < 0.01) CHECK(report["verdict"]["cause"] == "target");
    CHECK(report["latency_us"]["max"] >= 600'000);
    CHECK(report["latency_us"]["p90"] >= 300'000);
    CHECK(report["service_us"]["p90"] < 100'000);
}

TEST_CASE("lines that cannot be replayed are counted, named and not fatal", "[replay]") {
    test::TestTarget target(test::redirect);
    const Replay replay;
    const auto run =
        replay({replay.log("- - - [22/Nov/2026:08:00:00 +0000] \"GET /a HTTP/1.1\" 200 0\n"
                           "nonsense\n"
                           "- - - [22/Nov/2026:08:00:00 +0000] \"POST /b HTTP/1.1\" 201 0\n"),
                "--target", target.url("/")});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    CHECK(target.requests() == 1);
    CHECK(contains(unwrapped(run.out), "1 skipped (not GET or HEAD)"));
    CHECK(contains(unwrapped(run.out), "1 malformed"));
    CHECK(contains(run.out, "line 2: expected a time in brackets"));
    const json log = replay.report()["log"];
    CHECK(log["other_method"] == 1);
    CHECK(log["malformed"] == 1);

    const Replay none;
    const auto refused = none({none.log("nonsense\n"), "--target", target.url("/")});
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, "qck bench: "));
    CHECK(contains(refused.err, "none of its first 1 lines is a request"));
    CHECK_FALSE(std::filesystem::exists(none.out()));
}
