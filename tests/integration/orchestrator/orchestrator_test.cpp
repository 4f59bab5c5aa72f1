#include <sys/resource.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/catch.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using nlohmann::json;
using test::contains;
using test::ProgramRun;
using test::Reaction;
using test::TestTarget;

namespace {

/// `make orchestrator-100k` or `-dist` of this tree with the program that was built, its report in
/// a directory of its own.
struct Orchestrator {
    ProgramRun make(const std::string& target, std::vector<std::string> levers) const {
        levers.insert(levers.end(), {std::string("ORCHESTRATOR_PROGRAM=") + QCK_PROGRAM,
                                     "QCK_OUT=" + out().string()});
        return test::run_program("/usr/bin/make", {"-s", "-C", QCK_SOURCE, target}, levers);
    }
    ProgramRun run(std::vector<std::string> words) const {
        words.insert(words.begin(), {"bench", "orchestrator"});
        words.insert(words.end(), {"--out", out().string()});
        return test::run_program(QCK_PROGRAM, words);
    }
    std::filesystem::path out() const { return directory.path() / "run"; }
    json report() const { return json::parse(test::text_of_file(out() / "report.json")); }

    test::TemporaryDirectory directory;
};

/// make's code is 2 for whatever went wrong; it names that of the recipe.
bool ran(const ProgramRun& run) {
    return run.exit_code == 0 || run.exit_code == 4 || contains(run.err, "Error 4");
}

std::uint64_t answers(const json& report, const char* status) {
    std::uint64_t sum = 0;
    for (const json& phase : report["phases"]) sum += phase["status"].value(status, 0U);
    return sum;
}

/// Every request was answered as it should be, and every redirect counted.
void check_all_answered(const json& report) {
    const json& sum = report["accounting"];
    CHECK(sum["scheduled"] == sum["answered"]);
    CHECK(answers(report, "201") + answers(report, "302") == sum["answered"]);
    REQUIRE(report["reconcile"].is_object());
    CHECK(report["reconcile"]["difference"] == 0);
}

}  // namespace

TEST_CASE("make orchestrator-100k honours every lever by its name", "[orchestrator][S11]") {
    const Orchestrator orchestrator;
    const auto run = orchestrator.make(
        "orchestrator-100k",
        {"REQUEST_GENERATOR_USERS_100K=100", "REQUEST_GENERATOR_SPAWN_RATE_100K=50",
         "REQUEST_GENERATOR_PROCESSES_100K=3", "TARGET_READ_USERS_100K=240",
         "TARGET_WRITE_USERS_100K=60", "TARGET_READ_RPS_PER_USER_100K=5",
         "TARGET_WRITE_RPS_PER_USER_100K=2.5", "REQUEST_GENERATOR_DURATION_100K=3s"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    const json report = orchestrator.report();
    CHECK(report["description"] ==
          "80 readers at 5/s each and 20 writers at 2.5/s each; 50 come each second");
    CHECK(report["connections"] == 100);
    CHECK(report["generator"]["connections_opened"] == 100);
    CHECK(report["generator"]["agents"].size() == 3);
    REQUIRE(report["phases"].size() == 2);
    CHECK(report["phases"][0]["name"] == "spawn");
    CHECK(report["phases"][0]["seconds"] == 2);  // 100 users at 50 a second
    CHECK(report["phases"][1]["seconds"] == 3);
    CHECK(report["phases"][1]["target_rate"].get<double>() == Approx(450).margin(1));
    // A user that came in the middle of two seconds has asked for four.
    CHECK(static_cast<double>(answers(report, "302")) == Approx(80 * 5 * 4).margin(80));
    CHECK(static_cast<double>(answers(report, "201")) == Approx(20 * 2.5 * 4).margin(20));
    check_all_answered(report);
    REQUIRE(report["requests"].size() == 2);
    CHECK(report["requests"][0]["name"] == "read");
    CHECK(report["requests"][0]["answered"] == answers(report, "302"));
    CHECK(report["requests"][1]["name"] == "write");
    CHECK(report["requests"][1]["answered"] == answers(report, "201"));
    CHECK(report["requests"][1]["latency_us"]["p99"] > 0);
    CHECK(contains(run.out, "requests    read "));
    CHECK(contains(run.out, "users       80 readers at 5/s each"));
}

TEST_CASE("the levers of orchestrator-100k have the defaults of the runbook",
          "[orchestrator][S11]") {
    const Orchestrator rates_low;
    auto run = rates_low.make("orchestrator-100k", {"TARGET_READ_RPS_PER_USER_100K=0.1",
                                                    "TARGET_WRITE_RPS_PER_USER_100K=0.1",
                                                    "REQUEST_GENERATOR_DURATION_100K=1s"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    json report = rates_low.report();
    CHECK(report["description"] ==
          "4,000 readers at 0.1/s each and 1,000 writers at 0.1/s each; 1k come each second");
    CHECK(report["connections"] == 5000);
    CHECK(report["phases"][0]["seconds"] == 5);
    CHECK(report["generator"]["agents"].size() == 4);
    // A machine that stands still may lose one and open it again.
    CHECK(report["generator"]["connections_opened"].get<double>() == Approx(5000).epsilon(0.01));

    const Orchestrator few;
    run = few.make("orchestrator-100k",
                   {"REQUEST_GENERATOR_USERS_100K=10", "REQUEST_GENERATOR_DURATION_100K=1s"});
    REQUIRE(ran(run));
    CHECK(few.report()["description"] ==
          "8 readers at 20/s each and 2 writers at 20/s each; 1k come each second");
}

TEST_CASE("make orchestrator-100k-dist honours every lever by its name", "[orchestrator][S12]") {
    const Orchestrator orchestrator;
    TestTarget target(test::redirect);
    TestTarget api([](std::string_view) {
        return Reaction{"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Reaction::Then::keep};
    });
    const auto run = orchestrator.make(
        "orchestrator-100k-dist",
        {"REQUEST_GENERATOR_WORKERS_DIST=2", "REQUEST_GENERATOR_PROCESSES_DIST=2",
         "REQUEST_GENERATOR_USERS_DIST=60", "REQUEST_GENERATOR_SPAWN_RATE_DIST=60",
         "REQUEST_GENERATOR_DURATION_DIST=2s", "REQUEST_GENERATOR_HOST_DIST=" + target.url("/x"),
         "REQUEST_GENERATOR_API_DIST=" + api.url(""), "TARGET_READ_USERS_DIST=40",
         "TARGET_WRITE_USERS_DIST=20", "TARGET_READ_RPS_PER_USER_DIST=4",
         "TARGET_WRITE_RPS_PER_USER_DIST=2"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    const json report = orchestrator.report();
    CHECK(report["description"] ==
          "40 readers at 4/s each and 20 writers at 2/s each; 60 come each second");
    CHECK(report["target"] == target.url("/x"));
    CHECK(report["generator"]["agents"].size() == 4);
    CHECK(report["phases"][0]["seconds"] == 1);
    CHECK(report["phases"][1]["seconds"] == 2);
    CHECK(answers(report, "302") + answers(report, "201") == report["accounting"]["answered"]);
    CHECK(target.requests() >= answers(report, "302"));
    CHECK(api.requests() == answers(report, "201"));
    // Told by four agents.
    CHECK(report["requests"][0]["answered"] == answers(report, "302"));
    CHECK(report["requests"][1]["answered"] == answers(report, "201"));
}

TEST_CASE("a lever that is wrong is named", "[orchestrator][S11][S12]") {
    const Orchestrator orchestrator;
    struct Wrong {
        const char* target;
        const char* lever;
        const char* flag;
    };
    const Wrong all[] = {
        {"orchestrator-100k", "REQUEST_GENERATOR_USERS_100K", "--users"},
        {"orchestrator-100k", "REQUEST_GENERATOR_SPAWN_RATE_100K", "--spawn-rate"},
        {"orchestrator-100k", "REQUEST_GENERATOR_PROCESSES_100K", "--processes"},
        {"orchestrator-100k", "REQUEST_GENERATOR_DURATION_100K", "--duration"},
        {"orchestrator-100k", "REQUEST_GENERATOR_HOST_100K", "--target"},
        {"orchestrator-100k", "TARGET_READ_USERS_100K", "--read-users"},
        {"orchestrator-100k", "TARGET_WRITE_USERS_100K", "--write-users"},
        {"orchestrator-100k", "TARGET_READ_RPS_PER_USER_100K", "--read-rate"},
        {"orchestrator-100k", "TARGET_WRITE_RPS_PER_USER_100K", "--write-rate"},
        {"orchestrator-100k-dist", "REQUEST_GENERATOR_USERS_DIST", "--users"},
        {"orchestrator-100k-dist", "REQUEST_GENERATOR_SPAWN_RATE_DIST", "--spawn-rate"},
        {"orchestrator-100k-dist", "REQUEST_GENERATOR_DURATION_DIST", "--duration"},
        {"orchestrator-100k-dist", "REQUEST_GENERATOR_HOST_DIST", "--target"},
        {"orchestrator-100k-dist", "REQUEST_GENERATOR_AGENTS_DIST", "--agents"},
        {"orchestrator-100k-dist", "TARGET_READ_USERS_DIST", "--read-users"},
        {"orchestrator-100k-dist", "TARGET_WRITE_USERS_DIST", "--write-users"},
        {"orchestrator-100k-dist", "TARGET_READ_RPS_PER_USER_DIST", "--read-rate"},
        {"orchestrator-100k-dist", "TARGET_WRITE_RPS_PER_USER_DIST", "--write-rate"},
    };
    for (const Wrong& wrong : all) {
        const auto run =
            orchestrator.make(wrong.target, {std::string(wrong.lever) + "=many", "QCK_QUIET=true"});
        CAPTURE(wrong.lever, run.out, run.err);
        CHECK(contains(run.err, "Error 2"));
        CHECK(contains(run.err, wrong.flag));
        CHECK(contains(run.err, std::string(wrong.flag) + " is " + wrong.lever + "=many"));
    }
    // What the script reads itself, and what nobody reads.
    const std::pair<const char*, const char*> others[] = {
        {"REQUEST_GENERATOR_WORKERS_DIST=many", "are to be whole numbers from 1"},
        {"REQUEST_GENERATOR_PROCESSES_DIST=08", "are to be whole numbers from 1"},
        {"REQUEST_GENERATOR_WORKERS_DIST=5000",
         "--agents is REQUEST_GENERATOR_WORKERS_DIST=5000 times"},
        {"TARGET_READ_USER_DIST=4", "TARGET_READ_USER_DIST is no lever; there are"},
        {"REQUEST_GENERATOR_API_DIST=http://127.0.0.1:9",
         "QCK_API is that of a --target; without one a service is started here"},
        {"REQUEST_GENERATOR_API_DIST=http://127.0.0.1:9",
         "--api is REQUEST_GENERATOR_API_DIST=http://127.0.0.1:9"},
        {"REQUEST_GENERATOR_WORKERS_DIST=1,2", "are to be whole numbers from 1"},
    };
    for (const auto& [lever, said] : others) {
        const auto run = orchestrator.make("orchestrator-100k-dist", {lever, "QCK_QUIET=true"});
        CAPTURE(lever, run.out, run.err);
        CHECK(contains(run.err, "Error 2"));
        CHECK(contains(run.err, said));
    }
    for (const char* lever :
         {"REQUEST_GENERATOR_WORKERS_DIST", "REQUEST_GENERATOR_PROCESSES_DIST"}) {
        const auto run =
            orchestrator.make("orchestrator-100k-dist", {std::string(lever) + "=many"});
        CAPTURE(lever, run.err);
        CHECK(contains(run.err, "Error 2"));
        CHECK(contains(run.err, std::string(lever) + "=many"));
    }
}

TEST_CASE("users that nobody can be are refused in one line", "[orchestrator][cli]") {
    const Orchestrator orchestrator;
    struct Refused {
        std::vector<std::string> words;
        std::string says;
    };
    const Refused all[] = {
        {{"--read-users", "0", "--write-users", "0"},
         "--read-users and --write-users are both 0: nobody would ask"},
        {{"--users", "5", "--read-users", "7"}, "--read-users 7 is more than --users 5 in all"},
        {{"--users", "5", "--write-users", "6"}, "--write-users 6 is more than --users 5 in all"},
        {{"--users", "0"}, "--users: '0' is not a whole number from 1 to 1000000"},
        {{"--read-rate", "0"}, "--read-rate: '0'"},
        {{"--connections", "5"}, "--connections"},
        {{"--users", "2", "--processes", "3"},
         "3 processes for 2 users: each needs one (lower --processes)"},
        {{"--local-address", "192.0.2.7"}, "--local-address: '192.0.2.7' is no address of this"},
        {{"--processes", "2", "--agents", "2"}, "--processes and --agents exclude each"},
        {{"--agents-listen", "127.0.0.1:0"}, "--agents-listen: needs --agents N: how many dial in"},
        {{"--processes", "2", "--agents-listen", "127.0.0.1:0"},
         "--agents-listen: needs --agents N: how many dial in"},
        {{"--target", "http://127.0.0.1:1", "--api", "http://127.0.0.1:1"}, "cannot reach"},
    };
    for (const Refused& refused : all) {
        const auto run = orchestrator.run(refused.words);
        CAPTURE(refused.words, run.out, run.err);
        CHECK((run.exit_code == 2 || run.exit_code == 3));
        CHECK(contains(run.err, refused.says));
    }
    TestTarget target(test::redirect);
    const auto run =
        orchestrator.run({"--target", target.url("/x"), "--api", "http://127.0.0.1:1"});
    CAPTURE(run.err);
    CHECK(run.exit_code == 3);
    CHECK(contains(run.err, "(writers need the links API: set --api, or --write-users 0)"));
}

TEST_CASE("users are split as they were asked for, and nobody of a kind is left out",
          "[orchestrator][cli]") {
    struct Asked {
        std::vector<std::string> words;
        std::string description;
    };
    const Asked asked =
        GENERATE(Asked{{"--read-users", "3"}, "3 readers at 5/s each and 2 writers"},
                 Asked{{"--write-users", "4"}, "1 readers at 5/s each and 4 "},
                 Asked{{"--write-users", "0"}, "5 readers at 5/s each; "},
                 Asked{{"--read-users", "1", "--write-users", "1000"},
                       "1 readers at 5/s each and 4 writers"},
                 Asked{{}, "4 readers at 5/s each and 1 writers"});
    const Orchestrator orchestrator;
    std::vector<std::string> words{"--users",      "5", "--processes", "1",    "--read-rate", "5",
                                   "--write-rate", "5", "--duration",  "200ms"};
    words.insert(words.end(), asked.words.begin(), asked.words.end());
    const auto run = orchestrator.run(words);
    CAPTURE(asked.words, run.out, run.err);
    REQUIRE(ran(run));
    const std::string description = orchestrator.report()["description"];
    CHECK(description.find(asked.description) == 0);
}

TEST_CASE("connections go out from the addresses that are named", "[orchestrator][cli]") {
    for (const char* processes : {"1", "2"}) {
        CAPTURE(processes);
        TestTarget target(test::redirect);
        const Orchestrator orchestrator;
        const auto run =
            orchestrator.run({"--target", target.url("/x"), "--write-users", "0", "--users", "10",
                              "--read-rate", "5", "--spawn-rate", "1000", "--duration", "1s",
                              "--local-address", "127.0.0.5,127.0.0.6", "--processes", processes});
        CAPTURE(run.out, run.err);
        REQUIRE(ran(run));
        auto from = target.came_from();
        // Of the run and of the calibration, ten each; an agent begins with the first address.
        CHECK(from["127.0.0.5"] >= 8);
        CHECK(from["127.0.0.6"] >= 8);
        CHECK(from["127.0.0.5"] + from["127.0.0.6"] == 20);
        CHECK(from["127.0.0.1"] == 1);  // whether the target is there
        CHECK(from.size() == 3);
    }
}

TEST_CASE("users have room when the ports of one address are too few",
          "[orchestrator][cli][skippable]") {
    // A hundred ports, in a network of its own.
    const auto in_small_network = [](const std::string& command) {
        return test::run_program("/bin/sh",
                                 {"-c",
                                  "exec unshare -rn sh -c 'ip link set lo up && echo 40000 40099 > "
                                  "/proc/sys/net/ipv4/ip_local_port_range && exec " +
                                      command + "'"});
    };
    if (in_small_network("true").exit_code != 0) QCK_SKIP("no network namespaces here");
    const Orchestrator orchestrator;
    const std::string bench = std::string(QCK_PROGRAM) +
                              " bench orchestrator --users 300 --read-rate 2 --write-rate 2 "
                              "--spawn-rate 300 --duration 1s --processes 2 --out " +
                              orchestrator.out().string();
    auto run = in_small_network(bench);
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    CHECK(orchestrator.report()["generator"]["connections_opened"] == 300);
    CHECK(orchestrator.report()["generator"]["connect_errors"].empty());
    check_all_answered(orchestrator.report());

    run = in_small_network(bench + " --local-address 127.0.0.1,127.0.0.2");
    CAPTURE(run.err);
    CHECK(run.exit_code == 3);
    CHECK(contains(run.err,
                   "300 connections: the local ports (net.ipv4.ip_local_port_range) allow 200 "
                   "(lower --connections or --users, or name more of this machine's addresses by "
                   "--local-address)"));
}

TEST_CASE("ten thousand users take a process less than 200 MB", "[orchestrator][skippable]") {
    rlimit files{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_max < 10'500) QCK_SKIP("the hard limit of open files is too low");
    const Orchestrator orchestrator;
    const auto run = test::run_program(
        "/bin/sh",
        {"-c", std::string("exec ") + QCK_PROGRAM +
                   " bench orchestrator --users 10000 --spawn-rate 5000 --read-rate 0.3 "
                   "--write-rate 0.1 --duration 2s --processes 1 --out " +
                   orchestrator.out().string() +
                   " & bench=$!; peak=0; while grep -s VmHWM /proc/$bench/status; do sleep 0.1; "
                   "done; wait $bench; exit 0"});
    std::uint64_t peak_kb = 0;
    std::istringstream lines(run.out);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("VmHWM:")) peak_kb = std::stoull(line.substr(6));
    }
    CAPTURE(run.out, run.err);
    const json report = orchestrator.report();
    CHECK(report["generator"]["connections_open_max"] == 10'000);
    CHECK(peak_kb > 0);
    CHECK(peak_kb <= 200'000);
    WARN("10,000 users: " << peak_kb / 1000 << " MB");
}
