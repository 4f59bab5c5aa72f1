#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/bench_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::BenchProgram;
using test::ProgramRun;
using test::ran;
using test::Reaction;
using test::TestTarget;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

bool closes(const json& sum) {
    const auto of = [&](const char* name) { return sum.at(name).get<std::uint64_t>(); };
    return of("scheduled") == of("sent") + of("unsent") &&
           of("sent") == of("answered") + of("failed") + of("timed_out") + of("in_flight");
}

/// Children of a process, by /proc.
std::vector<pid_t> children_of(pid_t parent) {
    const std::string name = std::to_string(parent);
    std::ifstream file("/proc/" + name + "/task/" + name + "/children");
    std::vector<pid_t> children;
    for (pid_t child = 0; file >> child;) children.push_back(child);
    return children;
}

/// Gone, or dead and waiting for whoever inherited it.
bool is_gone(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string text;
    if (!std::getline(file, text)) return true;
    return text[text.rfind(')') + 2] == 'Z';
}

/// `qck bench …` left running, its temporary files in `temporary` and what it prints in `output`
/// where that is said.
pid_t start_bench(std::vector<std::string> arguments,
                  const std::filesystem::path& temporary = "/tmp",
                  const std::filesystem::path& output = {}) {
    arguments.insert(arguments.begin(), {QCK_PROGRAM, "bench"});
    std::vector<char*> words;
    for (auto& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("TMPDIR", temporary.c_str(), 1);
        if (!output.empty()) {
            const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
            ::dup2(file, STDOUT_FILENO);
            ::dup2(file, STDERR_FILENO);
        }
        ::execv(QCK_PROGRAM, words.data());
        ::_exit(127);
    }
    return child;
}

}  // namespace

TEST_CASE("the viral burst against an embedded service reconciles to the click",
          "[bench][cli][P1]") {
    const BenchProgram bench;
    const auto run =
        bench({"viral", "--rate", "4k", "--serve", "--compress", "60", "--connections", "8"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    CHECK(contains(run.out, "embedded, journal on, SQLite"));
    CHECK(contains(run.out, "counts      answered"));
    const json report = bench.report();
    CHECK(closes(report["accounting"]));
    CHECK(report["accounting"]["answered"] > 1000);
    const json& counts = report["reconcile"];
    CHECK(counts["difference"] == 0);
    CHECK(counts["answered"] == counts["served"]);
    CHECK(counts["answered"] == counts["counted"]);
    CHECK(counts["answered"] == counts["stores"]["SQLite"]);
    CHECK(counts["answered"] > report["accounting"]["answered"]);  // the calibration's too
    CHECK(std::filesystem::exists(bench.out() / "report.html"));
}

TEST_CASE("a scenario of hot, tail and unknown links, HEAD and bots reconciles too",
          "[bench][cli][P1]") {
    const BenchProgram bench;
    const auto file = bench.directory.path() / "mixed.json";
    std::ofstream(file) << R"({
      "name": "mixed",
      "phases": [{"name": "only", "rate": "2k", "duration": "1s"}],
      "requests": [{"name": "redirect", "path": "/{link}"}],
      "links": {"hot": "hit", "hot_share": 0.5, "tail": {"count": 200}},
      "unknown_share": 0.1, "head_share": 0.1, "bot_share": 0.2
    })";
    const auto run = bench({"run", file.string(), "--serve", "--threads", "2"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    const json report = bench.report();
    CHECK(report["accounting"]["scheduled"] == 2000);
    CHECK(report["accounting"]["answered"] == 2000);
    CHECK(report["phases"][0]["status"]["404"] > 100);
    CHECK(report["reconcile"]["difference"] == 0);
    CHECK(report["visible"]["failure"] == "");
    CHECK(report["visible"]["clicks"] > 0);
    CHECK(report["reconcile"]["answered"] ==
          2000 + report["visible"]["clicks"].get<std::uint64_t>());
}

TEST_CASE("objectives that are missed give exit code 1", "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const std::vector<std::string> load{"max",        "--target", target.url(),
                                        "--duration", "200ms",    "--connections",
                                        "4",          "--slo",    "errors<1%"};
    CHECK(bench(load).exit_code == 0);
    auto strict = load;
    strict.insert(strict.end(), {"--slo", "p50<1us"});
    const auto missed = bench(strict);
    CHECK(missed.exit_code == 1);
    CHECK(contains(missed.out, "MISSED"));
    CHECK(bench.report()["objectives"].size() == 2);  // the report was replaced
}

TEST_CASE("a target that cannot be reached gives exit code 3 and the reason", "[bench][cli]") {
    const BenchProgram bench;
    std::string url;
    {
        const TestTarget gone(test::always(test::redirect_response()));
        url = "http://127.0.0.1:" + std::to_string(gone.port());
    }
    const auto run = bench({"constant", "--rate", "10", "--target", url + "/x"});
    CHECK(run.exit_code == 3);
    CHECK(run.err == "qck bench: cannot reach " + url + ": connection refused\n");
    CHECK(run.out == "");
    CHECK_FALSE(std::filesystem::exists(bench.out()));
}

TEST_CASE("a burst that cannot be offered is scaled down, or refused when strict", "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const std::vector<std::string> load{"viral", "--target",   target.url(), "--rate",
                                        "100M",  "--compress", "100"};
    const auto fitted = bench(load);
    CAPTURE(fitted.out, fitted.err);
    REQUIRE(ran(fitted));
    const double scale = bench.report()["scale"];
    CHECK(scale >= 64);
    CHECK(scale == std::floor(scale));
    CHECK(contains(fitted.out, "would take"));

    const BenchProgram other;
    auto strict = load;
    strict.emplace_back("--strict");
    const auto refused = other(strict);
    CHECK(refused.exit_code == 3);
    CHECK(contains(refused.err, "qck bench: --strict: this machine offers"));
    CHECK_FALSE(std::filesystem::exists(other.out()));
}

TEST_CASE("flags may come from the environment and from a file, and the flag wins",
          "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const auto file = bench.directory.path() / "qck.toml";
    std::ofstream(file) << "[bench.constant]\nrate = \"50\"\nconnections = 3\nduration = \"1s\"\n";
    const auto run = bench({"constant", "--config", file.string(), "--duration", "100ms"},
                           {"QCK_TARGET=" + target.url()});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    CHECK(bench.report()["accounting"]["scheduled"] == 5);
    CHECK(bench.report()["connections"] == 3);
}

TEST_CASE("whatever is wrong with a flag is named, with exit code 2", "[bench][cli]") {
    struct Wrong {
        std::vector<std::string> arguments;
        std::string message;
    };
    const auto wrong = GENERATE(
        Wrong{{"constant", "--rate", "10MM"},
              "--rate: '10MM' is not a rate (try 10M, 250k or 1500)"},
        Wrong{{"constant"}, "--rate is required"},
        Wrong{{"constant", "--rate", "1", "--duration", "0s"},
              "--duration: '0s' is not a time above 0"},
        Wrong{{"constant", "--rate", "1", "--timeout", "2h"},
              "--timeout: '2h' is not a time from 1ms to 1h"},
        Wrong{{"max", "--target", "ftp://x"}, "--target: 'ftp://x' is not a target"},
        Wrong{{"max", "--target", "http://127.0.0.1:99999/"},
              "the port must be a number from 1 to 65535"},
        Wrong{{"max", "--target", "http://192.0.2.1/"}, "--allow-public"},
        Wrong{{"max", "--slo", "p99"}, "--slo"},
        Wrong{{"max", "--slo", "peak:p99<5ms", "--target", "http://127.0.0.1:1/"}, "--slo"},
        Wrong{{"max", "--connections", "0"}, "--connections"},
        Wrong{{"max", "--pin", "9999"}, "--pin"},
        Wrong{{"viral", "--compress", "0.5"}, "--compress"},
        Wrong{{"max", "--serve", "--target", "http://127.0.0.1:1/"}, "--serve"},
        Wrong{{"run", "scenarios/viral-burst.json", "--target", "http://127.0.0.1:1/p?x=1"},
              "--target: the scenario's paths come after '/p?x=1'"},
        Wrong{{"run", "nowhere.json"}, "nowhere.json"});
    const BenchProgram bench;
    const auto run = bench(wrong.arguments);
    CAPTURE(run.err, wrong.message);
    CHECK(run.exit_code == 2);
    CHECK(contains(run.err, wrong.message));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK(run.out == "");
    CHECK_FALSE(std::filesystem::exists(bench.out()));
}

TEST_CASE("Ctrl-C ends a run early and says so", "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const pid_t child =
        start_bench({"constant", "--rate", "500", "--duration", "10m", "--target", target.url(),
                     "--out", bench.out().string(), "--quiet", "--slo", "p99<9s"});
    REQUIRE(test::within(20s, [&] { return target.requests() > 50; }));
    ::kill(child, SIGINT);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    // A part of a run is no run, and meets no objective.
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 4);
    const json report = bench.report();
    CHECK(report["verdict"]["status"] == "INTERRUPTED");
    CHECK(report["objectives"][0]["pass"] == false);
    CHECK(closes(report["accounting"]));
    CHECK(report["accounting"]["answered"] == target.requests());
}

TEST_CASE("a signal at any moment leaves no temporary directory and no child", "[bench][cli]") {
    const BenchProgram bench;
    const auto temporary = bench.directory.path() / "tmp";
    std::filesystem::create_directory(temporary);
    // From before the service is started, over its start and the calibration, into the run.
    const auto after = GENERATE(0ms, 20ms, 100ms, 400ms, 1000ms, 2500ms);
    const int signals = GENERATE(1, 2);
    CAPTURE(after.count(), signals);
    const pid_t child = start_bench({"viral", "--serve", "--rate", "1k", "--compress", "10",
                                     "--quiet", "--out", bench.out().string()},
                                    temporary);
    REQUIRE(test::within(20s, [&] { return !std::filesystem::is_empty(temporary); }));
    std::this_thread::sleep_for(after);
    const std::vector<pid_t> services = children_of(child);
    ::kill(child, SIGINT);
    if (signals == 2) ::kill(child, SIGTERM);
    int status = 0;
    REQUIRE(test::within(20s, [&] { return ::waitpid(child, &status, WNOHANG) == child; }));
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 4);
    CHECK(std::filesystem::is_empty(temporary));
    for (const pid_t service : services) CHECK(is_gone(service));
}

namespace {

/// A bench whose embedded service is stopped (SIGSTOP) once load is offered.
struct StoppedService {
    explicit StoppedService(std::vector<std::string> load) {
        std::filesystem::create_directory(temporary);
        load.insert(load.end(), {"--serve", "--timeout", "300ms", "--out", bench.out().string()});
        child = start_bench(std::move(load), temporary, words);
        REQUIRE(test::within(30s, [&] { return test::load_threads_of(child) > 0; }));
        REQUIRE(children_of(child).size() == 1);
        service = children_of(child).front();
        ::kill(service, SIGSTOP);
    }
    /// How it ended, in time.
    int exit_code(std::chrono::milliseconds patience) const {
        int status = 0;
        REQUIRE(
            test::within(patience, [&] { return ::waitpid(child, &status, WNOHANG) == child; }));
        REQUIRE(WIFEXITED(status));
        CHECK(std::filesystem::is_empty(temporary));
        CHECK(is_gone(service));
        return WEXITSTATUS(status);
    }

    BenchProgram bench;
    std::filesystem::path temporary = bench.directory.path() / "tmp";
    std::filesystem::path words = bench.directory.path() / "words";
    pid_t child = -1;
    pid_t service = -1;
};

}  // namespace

TEST_CASE("one Ctrl-C ends a run whose embedded service stands still", "[bench][cli]") {
    const StoppedService stopped({"constant", "--rate", "200", "--duration", "10m"});
    ::kill(stopped.child, SIGINT);
    CHECK(stopped.exit_code(20s) == 4);
    const json report = stopped.bench.report();
    CHECK(report["verdict"]["status"] == "INTERRUPTED");
    CHECK(closes(report["accounting"]));
    CHECK(contains(report["reconcile_failure"].get<std::string>(), "did not say what it served"));
    CHECK(contains(test::text_of_file(stopped.words), "counts      not compared"));
}

TEST_CASE("a second Ctrl-C does not wait for an embedded service that stands still",
          "[bench][cli]") {
    const StoppedService stopped({"constant", "--rate", "200", "--duration", "10m"});
    ::kill(stopped.child, SIGINT);
    ::kill(stopped.child, SIGTERM);
    // A second of grace, and this machine may be slow.
    CHECK(stopped.exit_code(4s) == 4);
}

TEST_CASE("one Ctrl-C ends the wait for an embedded service after the run", "[bench][cli]") {
    const StoppedService stopped({"constant", "--rate", "50", "--duration", "1s"});
    REQUIRE(test::within(20s, [&] { return test::load_threads_of(stopped.child) == 0; }));
    ::kill(stopped.child, SIGINT);
    // Its load had been offered to the end, but not been answered.
    CHECK(stopped.exit_code(5s) == 4);
    const json report = stopped.bench.report();
    CHECK(report["verdict"]["status"] == "INVALID");
    CHECK(report["accounting"]["scheduled"] == 50);
    CHECK(contains(report["reconcile_failure"].get<std::string>(), "the embedded qck serve"));
}

TEST_CASE("--quiet says why a run is not good, and nothing of one that is", "[bench][cli]") {
    TestTarget silent([](std::string_view) { return Reaction{"", Reaction::Then::reset}; });
    const BenchProgram bench;
    const auto bad = bench({"max", "--target", silent.url(), "--duration", "300ms", "--quiet"});
    CAPTURE(bad.err);
    CHECK(bad.exit_code == 4);
    CHECK(bad.out == "");
    CHECK(contains(bad.err, "qck bench: INVALID: the target dropped connections ("));
    CHECK(contains(bad.err, "\nqck bench: Look at the target's limits and log"));
    CHECK(std::count(bad.err.begin(), bad.err.end(), '\n') == 2);

    TestTarget target(test::always(test::redirect_response()));
    const std::vector<std::string> load{"max", "--target", target.url(), "--connections",
                                        "4",   "--quiet",  "--duration", "300ms"};
    const auto good = bench(load);
    CHECK(good.exit_code == 0);
    CHECK(good.out + good.err == "");
    auto strict = load;
    strict.insert(strict.end(), {"--slo", "p50<1us"});
    const auto missed = bench(strict);
    CHECK(missed.exit_code == 1);
    CHECK(contains(missed.err, "qck bench: missed: p50<1us ("));
}

TEST_CASE("an embedded service that dies does not take the figures with it", "[bench][cli]") {
    const BenchProgram bench;
    const auto log = bench.directory.path() / "words";
    const std::string command = std::string(QCK_PROGRAM) +
                                " bench max --serve --duration 2s --out " + bench.out().string() +
                                " > " + log.string() + " 2>&1 & echo $!; wait $!; echo $?";
    std::FILE* const shell = ::popen(command.c_str(), "r");
    REQUIRE(shell != nullptr);
    int child = 0;
    REQUIRE(std::fscanf(shell, "%d", &child) == 1);
    REQUIRE(test::within(20s, [&] { return contains(test::text_of_file(log), "target "); }));
    REQUIRE(children_of(child).size() == 1);
    ::kill(children_of(child).front(), SIGKILL);
    int code = -1;
    REQUIRE(std::fscanf(shell, "%d", &code) == 1);
    ::pclose(shell);
    const std::string words = test::text_of_file(log);
    CAPTURE(words);
    CHECK((code == 3 || code == 4));
    CHECK(contains(words, "the embedded qck serve was ended by signal 9 during the run"));
    CHECK(contains(words, "accounting  scheduled"));
    CHECK(contains(words, "counts      not compared"));
    CHECK(contains(bench.report()["reconcile_failure"].get<std::string>(), "signal 9"));
    CHECK(std::filesystem::exists(bench.out() / "latency.hgrm"));
}

TEST_CASE("a directory that cannot be written to is found before the run", "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const test::TemporaryDirectory directory;
    const auto file = directory.path() / "file";
    std::ofstream(file) << "not a directory";
    for (const std::string& out :
         {file.string(), (file / "in").string(), std::string("/proc/no")}) {
        CAPTURE(out);
        const auto run =
            test::run_program(QCK_PROGRAM, {"bench", "constant", "--rate", "10", "--duration",
                                            "20s", "--target", target.url(), "--out", out});
        CHECK(run.exit_code == 3);
        CHECK(contains(run.err, "qck bench: --out: cannot"));
    }
    CHECK(target.requests() == 0);
}

TEST_CASE("an objective takes one word, and leaves the scenario to itself", "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const auto file = bench.directory.path() / "short.json";
    std::ofstream(file) << R"({"name": "short",
        "phases": [{"name": "only", "rate": 10, "duration": "300ms"}]})";
    const auto run = bench({"run", "--slo", "p99<9s", "--slo", "errors<=1", file.string(),
                            "--target", target.url("/")});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    CHECK(bench.report()["objectives"].size() == 2);
}

TEST_CASE("--serve that is typed wins over a target that is inherited", "[bench][cli]") {
    const BenchProgram bench;
    const auto run = bench({"constant", "--rate", "10", "--duration", "300ms", "--serve"},
                           {"QCK_TARGET=http://127.0.0.1:1/"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    CHECK(bench.report()["target_note"] == "embedded, journal on, SQLite");
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram other;
    REQUIRE(ran(other({"constant", "--rate", "10", "--duration", "300ms", "--target", target.url()},
                      {"QCK_SERVE=true"})));
    CHECK(other.report()["reconcile"].is_null());
}

TEST_CASE("a run that no machine is too slow for is VALID, or says why it was not",
          "[bench][cli]") {
    TestTarget target(test::always(test::redirect_response()));
    const BenchProgram bench;
    const auto run = bench({"constant", "--rate", "10", "--duration", "2s", "--timeout", "10s",
                            "--target", target.url()});
    CAPTURE(run.out, run.err);
    const json report = bench.report();
    CHECK(report["accounting"]["answered"] == 20);
    if (run.exit_code == 0) {
        CHECK(report["verdict"]["status"] == "VALID");
        return;
    }
    // Two of two dozen requests can only be late when this machine did not run their thread in
    // time.
    REQUIRE(run.exit_code == 4);
    CHECK(report["verdict"]["cause"] == "generator");
    CHECK(report["send_lag_us"]["max"] > 1000);
}

TEST_CASE("a target that answers nothing makes no valid run", "[bench][cli]") {
    TestTarget target([](std::string_view) { return Reaction{"", Reaction::Then::reset}; });
    const BenchProgram bench;
    const std::string mode = GENERATE("constant", "max");
    std::vector<std::string> load{mode, "--target", target.url(), "--duration", "500ms"};
    if (mode == "constant") load.insert(load.end(), {"--rate", "100"});
    const auto run = bench(load);
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 4);
    CHECK(bench.report()["verdict"]["cause"] == "target");
    CHECK(contains(run.out, "nothing answered"));
}

TEST_CASE("the embedded service ends with the bench, even by kill -9", "[bench][cli]") {
    const BenchProgram bench;
    const pid_t parent = start_bench(
        {"max", "--serve", "--duration", "10m", "--quiet", "--out", bench.out().string()});
    REQUIRE(test::within(20s, [&] { return children_of(parent).size() == 1; }));
    const pid_t service = children_of(parent).front();
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    CHECK(test::within(10s, [&] { return is_gone(service); }));
}
