#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/support/bench_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::Reaction;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A service that is not ours: redirects, counts in its own way, and says how many at /stats. It
/// began with 1,000 clicks of another day.
class CountingService {
public:
    /// How many clicks the n-th redirect (from 1) counts for.
    using Weigh = std::function<std::uint64_t(std::uint64_t n)>;
    /// `late_ns`: the count shows this much after the first click only.
    explicit CountingService(Weigh weigh, std::int64_t late_ns = 0)
        : weigh_(std::move(weigh)),
          late_ns_(late_ns),
          target_([this](std::string_view head) { return react(head); }) {}

    std::string url(const std::string& path) const { return target_.url(path); }

private:
    Reaction react(std::string_view head) {
        if (head.starts_with("GET /stats")) {
            const bool late = late_ns_ > 0 && monotonic_ns() - first_ns_ < late_ns_;
            const std::string body =
                R"({"links": [{"clicks": )" + std::to_string(1'000 + (late ? 0 : clicks_)) + "}]}";
            return {"HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body};
        }
        if (redirects_ == 0) first_ns_ = monotonic_ns();
        clicks_ += weigh_(++redirects_);
        return {test::redirect_response()};
    }

    const Weigh weigh_;
    const std::int64_t late_ns_;
    // Of the target's thread.
    std::uint64_t redirects_ = 0;
    std::uint64_t clicks_ = 0;
    std::int64_t first_ns_ = 0;
    test::TestTarget target_;
};

struct Bench : test::BenchProgram {
    test::ProgramRun operator()(const CountingService& service,
                                std::vector<std::string> more = {}) const {
        std::vector<std::string> words{"constant",   "--rate",   "200",
                                       "--duration", "1s",       "--timeout",
                                       "10s",        "--target", service.url("/viral")};
        if (more.empty()) more = by_url(service);
        words.insert(words.end(), more.begin(), more.end());
        return BenchProgram::operator()(words);
    }
    static std::vector<std::string> by_url(const CountingService& service) {
        return {"--count-url",     service.url("/stats"), "--count-pointer",
                "/links/0/clicks", "--count-within",      "3s"};
    }
};

/// What the counts say decides, unless this machine did not run the generator in time.
void check_exit(const test::ProgramRun& run, int expected) {
    CAPTURE(run.out, run.err);
    CHECK((run.exit_code == expected || run.exit_code == 4));
}

}  // namespace

TEST_CASE("a service that counts every click once is shown to", "[counts][B2]") {
    const CountingService service([](std::uint64_t) { return 1; });
    const Bench bench;
    const auto run = bench(service);
    check_exit(run, 0);
    const json count = bench.report()["target_count"];
    CHECK(count["before"] == 1'000);
    CHECK(count["after"] == 1'200);
    CHECK(count["expected"] == 200);
    CHECK(count["difference"] == 0);
    CHECK(contains(run.out, "answered 200, target counted 200 (1,000 to 1,200)"));
    CHECK(contains(test::text_of_file(bench.out() / "junit.xml"),
                   "name=\"the target&#39;s own count agrees\" time=\"0\"/>"));
}

TEST_CASE("a service that loses one click in ten is caught, with exit code 1", "[counts][B2]") {
    const CountingService service([](std::uint64_t n) { return n % 10 == 0 ? 0 : 1; });
    const Bench bench;
    const auto run = bench(service);
    check_exit(run, 1);
    CHECK(bench.report()["target_count"]["difference"] == -20);
    CHECK(contains(run.out, "difference -20: clicks were lost"));
}

TEST_CASE("a service that counts clicks twice is caught, without waiting for the end of the time",
          "[counts][B2]") {
    const CountingService service([](std::uint64_t n) { return n % 50 == 0 ? 2 : 1; });
    const Bench bench;
    auto words = Bench::by_url(service);
    words.back() = "5m";
    const auto run = bench(service, words);
    check_exit(run, 1);
    CHECK(bench.report()["target_count"]["difference"] == 4);
    CHECK(contains(run.out, "difference +4: clicks were counted twice"));
}

TEST_CASE("a count that comes late is waited for", "[counts][B2]") {
    const CountingService service([](std::uint64_t) { return 1; }, 2'500'000'000);
    const Bench bench;
    auto words = Bench::by_url(service);
    words.back() = "30s";
    const auto run = bench(service, words);
    check_exit(run, 0);
    CHECK(bench.report()["target_count"]["difference"] == 0);
    CHECK(bench.report()["target_count"]["waited_s"].get<double>() > 0.5);

    const CountingService never([](std::uint64_t) { return 1; }, 600'000'000'000);
    const Bench other;
    check_exit(other(never), 1);
    CHECK(other.report()["target_count"]["difference"] == -200);
}

TEST_CASE("a count may come from a command, which no shell sees", "[counts][B2]") {
    const CountingService service([](std::uint64_t) { return 1; });
    const Bench bench;
    const auto script = bench.directory.path() / "count it";
    std::ofstream(script)
        << "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$2\" = '$X;' ] && curl -s \"$3\"\n";
    ::chmod(script.c_str(), 0755);
    const auto run = bench(
        service, {"--count-cmd", "'" + script.string() + "' \"a b\" $X; " + service.url("/stats"),
                  "--count-pointer", "/links/0/clicks", "--count-within", "3s"});
    check_exit(run, 0);
    CHECK(bench.report()["target_count"]["difference"] == 0);
}

TEST_CASE("a count that moves by itself is refused before the run", "[counts][B2]") {
    std::atomic<std::uint64_t> clicks{0};
    test::TestTarget target([&](std::string_view) {
        const std::string body = std::to_string(++clicks);
        return Reaction{"HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                        "\r\n\r\n" + body};
    });
    const test::TemporaryDirectory directory;
    const auto out = directory.path() / "run";
    const auto run = test::run_program(
        QCK_PROGRAM, {"bench", "constant", "--rate", "1", "--target", target.url("/x"), "--out",
                      out.string(), "--count-url", target.url("/stats"), "--count-within", "1s"});
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 3);
    CHECK(contains(run.err, "the count does not stand still"));
    CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("a count that cannot be read is an error before the run, and no drift", "[counts][B2]") {
    const CountingService service([](std::uint64_t) { return 1; });
    struct Wrong {
        std::vector<std::string> words;
        int exit_code;
        std::string message;
    };
    const std::vector<Wrong> all{
        Wrong{{"--count-url", service.url("/stats")}, 3, "is --count-pointer missing?"},
        Wrong{{"--count-url", service.url("/stats"), "--count-pointer", "/x"},
              3,
              "has nothing at /x"},
        Wrong{{"--count-url", service.url("/viral")}, 3, "answered 302"},
        Wrong{{"--count-url", "http://192.0.2.1/"}, 2, "--allow-public"},
        Wrong{{"--count-cmd", "/nowhere/at all"}, 3, "cannot run /nowhere/at"},
        Wrong{{"--count-url", service.url("/stats"), "--count-pointer", "clicks"},
              2,
              "--count-pointer: 'clicks' is no JSON pointer: it has to begin with / (try /clicks)"},
        Wrong{{"--count-cmd", "/bin/sleep 100", "--count-within", "200ms"},
              3,
              "--count-cmd: /bin/sleep …: printed no count within 200 ms"},
        Wrong{{"--count-cmd", "/bin/false"}, 3, "ended with exit code 1"},
        Wrong{{"--count-cmd", "/bin/echo 'x"}, 2, "a quote ' is left open"},
        Wrong{{"--count-cmd", "/bin/cat /dev/zero"}, 3, "printed more than 1 MB"},
        Wrong{{"--count-pointer", "/x"}, 2, "needs --count-url or --count-cmd"},
        Wrong{{"--count-cmd", "x", "--count-url", "http://127.0.0.1/"}, 2, "--count-url"}};
    for (const Wrong& wrong : all) {
        const Bench bench;
        const auto run = bench(service, wrong.words);
        CAPTURE(run.out, run.err, wrong.message);
        CHECK(run.exit_code == wrong.exit_code);
        CHECK(contains(run.err, wrong.message));
        CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
        CHECK_FALSE(std::filesystem::exists(bench.out()));
    }
}

TEST_CASE("Ctrl-C ends a count that is being read, before the run and after it", "[counts][B2]") {
    // Both never say a count: what is asked answers once, and is silent from then on.
    const bool by_command = GENERATE(true, false);
    const bool before_run = GENERATE(true, false);
    CAPTURE(by_command, before_run);
    const test::TemporaryDirectory directory;
    const auto asked = directory.path() / "asked";
    const int answers = before_run ? 0 : 15;  // enough for a count that stands still for a second
    std::atomic<int> stats{0};
    test::TestTarget target([&](std::string_view head) -> Reaction {
        if (!head.starts_with("GET /stats")) return {test::redirect_response()};
        if (stats++ < answers) return {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7"};
        std::ofstream(asked) << "now";
        return {""};
    });
    const auto script = directory.path() / "count";
    std::ofstream(script) << "#!/bin/sh\n"
                          << "echo x >> '" << (directory.path() / "calls").string() << "'\n"
                          << "calls=$(wc -l < '" << (directory.path() / "calls").string() << "')\n"
                          << "[ $calls -gt " << answers << " ] || { echo 7; exit; }\n"
                          << "echo now > '" << asked.string() << "'; exec sleep 100\n";
    ::chmod(script.c_str(), 0700);
    std::vector<std::string> words{
        QCK_PROGRAM,      "bench",    "constant",
        "--rate",         "100",      "--duration",
        "500ms",          "--target", target.url("/viral"),
        "--quiet",        "--out",    (directory.path() / "run").string(),
        "--count-within", "10m"};
    if (by_command) {
        words.insert(words.end(), {"--count-cmd", script.string()});
    } else {
        words.insert(words.end(), {"--count-url", target.url("/stats")});
    }
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    REQUIRE(::posix_spawn(&child, QCK_PROGRAM, nullptr, nullptr, pointers.data(), environ) == 0);
    REQUIRE(test::within(30s, [&] { return std::filesystem::exists(asked); }));
    ::kill(child, SIGINT);
    // A reading takes up to ten seconds by itself.
    const auto begin = std::chrono::steady_clock::now();
    int status = 0;
    REQUIRE(test::within(20s, [&] { return ::waitpid(child, &status, WNOHANG) == child; }));
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    REQUIRE(WIFEXITED(status));
    if (before_run) {
        CHECK(WEXITSTATUS(status) == 4);
        return;
    }
    const json report = json::parse(test::text_of_file(directory.path() / "run" / "report.json"));
    CHECK(contains(report["reconcile_failure"].get<std::string>(),
                   "stopped by a signal before it was read"));
}
