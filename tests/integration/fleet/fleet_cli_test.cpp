#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "tests/integration/fleet/agent_process.hpp"
#include "tests/support/bench_program.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/test_certificate.hpp"
#include "tests/support/test_target.hpp"

using namespace qck;
using namespace std::chrono_literals;
using nlohmann::json;
using test::BenchProgram;
using test::contains;
using test::ProgramRun;
using test::QckProcess;
using test::ran;
using test::Reaction;
using test::TestTarget;

namespace {

std::uint64_t sum(const json& accounting, const char* name) {
    return accounting.at(name).get<std::uint64_t>();
}

bool closes(const json& a) {
    return sum(a, "scheduled") == sum(a, "sent") + sum(a, "unsent") &&
           sum(a, "sent") ==
               sum(a, "answered") + sum(a, "failed") + sum(a, "timed_out") + sum(a, "in_flight");
}

std::unique_ptr<QckProcess> listening_agent(const std::string& name,
                                            const std::vector<std::string>& more = {},
                                            const std::vector<std::string>& variables = {}) {
    std::vector<std::string> words{"agent",     "--listen", "127.0.0.1:0", "--name", name,
                                   "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return std::make_unique<QckProcess>(words, variables);
}

}  // namespace

TEST_CASE("local agents offer a rate together, from one moment on", "[fleet]") {
    TestTarget target(test::redirect);
    const BenchProgram bench;
    const auto run = bench({"constant", "--target", target.url(), "--rate", "2000", "--duration",
                            "3s", "--agents", "4", "--json"});
    CAPTURE(run.err);
    REQUIRE(ran(run));
    const json report = bench.report();
    const json& agents = report.at("generator").at("agents");
    REQUIRE(agents.size() == 4);
    CHECK(sum(report.at("accounting"), "scheduled") == 6000);
    CHECK(closes(report.at("accounting")));
    CHECK(sum(report.at("accounting"), "answered") >= 5994);
    std::uint64_t together = 0;
    double share = 0;
    for (const json& agent : agents) {
        CHECK(closes(agent.at("accounting")));
        together += sum(agent.at("accounting"), "scheduled");
        share += agent.at("share").get<double>();
        CHECK(agent.at("capacity_per_s").get<double>() > 0);
        CHECK_FALSE(agent.at("lost").get<bool>());
        CHECK(agent.at("clock_uncertainty_us").get<double>() < 20'000);
    }
    CHECK(together == 6000);
    CHECK(share == Approx(1));
    // The targets' count of calibration and run, and no agent left behind.
    CHECK(target.requests() >= 6000);
    const auto shown = test::run_program(QCK_PROGRAM, {"report", "show", bench.out().string()});
    CHECK(contains(shown.out, "start skew"));
}

TEST_CASE("agents calibrate at little more than the rate, and the requests are said", "[fleet]") {
    TestTarget target(test::redirect);
    const BenchProgram bench;
    const auto run = bench({"constant", "--target", target.url(), "--rate", "200", "--duration",
                            "1s", "--agents", "2"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    // 1.2 times the rate for a second and a half; then the run itself.
    CHECK(contains(run.out, "2 agents offer at least 240/s to this target (360 requests)"));
    CHECK(target.requests() == 360 + 200);
    for (const json& agent : bench.report()["generator"]["agents"]) {
        CHECK(agent["share"].get<double>() == Approx(0.5).margin(0.01));
    }
}

TEST_CASE("who is waited for is said before the patience is over", "[fleet]") {
    TestTarget target(test::redirect);
    const BenchProgram bench;
    const std::string place = "127.0.0.1:" + std::to_string(test::free_port());
    const std::vector<std::string> words{"constant", "--target", target.url(),      "--rate", "1",
                                         "--agents", place,      "--agents-within", "1500ms"};
    const auto run = bench(words);
    CAPTURE(run.err);
    CHECK(run.exit_code == 3);
    CHECK(run.err.find("qck bench: waiting for agents, 1.5 s at most (--agents-within): 0 of 1 "
                       "agents are there; agent at " +
                       place) == 0);
    CHECK(contains(run.err, "\nqck bench: only 0 of 1 agents came within 1.5 s; agent at "));
}

TEST_CASE("a fleet's counts are reconciled as one process' are", "[fleet]") {
    const BenchProgram bench;
    const auto run =
        bench({"viral", "--rate", "3000", "--compress", "60", "--serve", "--agents", "2"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    const json report = bench.report();
    REQUIRE(report.at("reconcile").is_object());
    CHECK(report.at("reconcile").at("difference") == 0);
    CHECK(closes(report.at("accounting")));
    for (const json& phase : report.at("phases")) CHECK(closes(phase.at("accounting")));
}

TEST_CASE("agents of several threads tell of every link, and writers are no clicks", "[fleet]") {
    const BenchProgram bench;
    const auto run = bench(
        {"orchestrator", "--agents", "2", "--threads", "2", "--users", "40", "--duration", "1s"});
    CAPTURE(run.out, run.err);
    REQUIRE(ran(run));
    const json report = bench.report();
    CHECK(closes(report.at("accounting")));
    const json& reconcile = report.at("reconcile");
    CHECK(reconcile.at("difference") == 0);
    const std::uint64_t answered = report.at("accounting").at("answered");
    const std::uint64_t written = report.at("requests").at(1).at("answered");
    const std::uint64_t probes = report.at("visible").at("clicks");
    CHECK(written > 0);
    CHECK(reconcile.at("answered") ==
          answered - written + probes + reconcile.at("calibration").get<std::uint64_t>());
}

TEST_CASE("agents that wait are dialled, and serve one bench after another", "[fleet]") {
    TestTarget target(test::redirect);
    const auto one = listening_agent("one");
    const auto two = listening_agent("two");
    const std::string both = one->ready_address() + "," + two->ready_address();
    for (const char* mode : {"constant", "max"}) {
        CAPTURE(mode);
        const BenchProgram bench;
        std::vector<std::string> words{mode, "--target", target.url(), "--duration",
                                       "1s", "--agents", both,         "--json"};
        if (std::string(mode) == "constant") words.insert(words.end(), {"--rate", "500"});
        const auto run = bench(words);
        CAPTURE(run.err);
        REQUIRE(ran(run));
        const json report = bench.report();
        CHECK(report.at("generator").at("agents").at(0).at("name") == "one");
        CHECK(report.at("generator").at("agents").at(1).at("name") == "two");
        CHECK(closes(report.at("accounting")));
    }
    one->signal(SIGTERM);
    CHECK(one->wait_for_exit(3s) == 0);
}

TEST_CASE("agents dial in with the token, by TLS", "[fleet]") {
    TestTarget target(test::redirect);
    const test::TemporaryDirectory directory;
    const auto certificate = test::write_certificate(directory.path(), "coordinator");
    const std::string token_file = (directory.path() / "token").string();
    std::ofstream(token_file) << "a token of ours\n";
    // The port is free a moment before; nobody else has it, or the bench says so.
    std::uint16_t port = 0;
    { port = TestTarget(test::redirect).port(); }
    const std::string address = "127.0.0.1:" + std::to_string(port);
    QckProcess joining({"agent", "--join", address, "--once", "--name", "dialling", "--tls-ca",
                        certificate.certificate_file.string()},
                       {"QCK_FLEET_TOKEN=a token of ours"});
    const BenchProgram bench;
    const auto run = bench({"constant", "--target", target.url(), "--rate", "300", "--duration",
                            "1s", "--agents", "1", "--agents-listen", address, "--agents-cert",
                            certificate.certificate_file.string(), "--agents-key",
                            certificate.key_file.string(), "--fleet-token-file", token_file});
    CAPTURE(run.out, run.err, test::text_of_file(joining.log()));
    REQUIRE(ran(run));
    CHECK(bench.report().at("generator").at("agents").at(0).at("name") == "dialling");
    CHECK(joining.wait_for_exit(5s) == 0);
}

TEST_CASE("an agent that is killed or stopped in the run is missed, and the others go on",
          "[fleet]") {
    for (const int number : {SIGKILL, SIGSTOP}) {
        CAPTURE(number);
        TestTarget target(test::redirect);
        std::vector<std::unique_ptr<QckProcess>> agents;
        std::string all;
        for (const char* name : {"a", "b", "c", "d"}) {
            agents.push_back(listening_agent(name));
            all += (all.empty() ? "" : ",") + agents.back()->ready_address();
        }
        const BenchProgram bench;
        QckProcess running(bench.words({"constant", "--target", target.url(), "--rate", "1000",
                                        "--duration", "6s", "--agents", all}));
        // Calibration (at 1.2 times the rate for 1.5 s, or in closed loop) is over, and the run is
        // on, when the rate has become small and steady.
        const auto settled = [&] {
            const std::uint64_t before = target.requests();
            std::this_thread::sleep_for(500ms);
            const std::uint64_t now = target.requests() - before;
            return before > 1'800 && now > 350 && now < 650;
        };
        REQUIRE(test::within(15s, settled));
        agents[2]->signal(number);
        const int code = running.wait_for_exit(20s);
        if (number == SIGSTOP) agents[2]->signal(SIGCONT);
        CAPTURE(test::text_of_file(running.log()));
        // A gap of some hundred requests of 6,000 is more than the hundredth that is allowed.
        CHECK((code == 4 || code == 0));
        const json report = bench.report();
        const json& agent = report.at("generator").at("agents").at(2);
        CHECK(agent.at("lost").get<bool>());
        CHECK(agent.at("gap").get<std::uint64_t>() <= 2 * 250);
        CHECK(closes(report.at("accounting")));
        CHECK(sum(report.at("accounting"), "scheduled") == 6000);
        CHECK(report.at("seconds").get<double>() == Approx(6).margin(1));
        CHECK(report.at("phases").at(0).at("errors").contains("unsent: agent lost"));
        const auto shown = test::run_program(QCK_PROGRAM, {"report", "show", bench.out().string()});
        CHECK(contains(shown.out, "Agent c was lost"));
        // The other three, and the one that stood still, are ready for the next run.
        if (number == SIGKILL) continue;
        const BenchProgram again;
        const auto next = again({"constant", "--target", target.url(), "--rate", "200",
                                 "--duration", "1s", "--agents", all});
        CAPTURE(next.err);
        CHECK(ran(next));
    }
}

TEST_CASE("agents whose coordinator is killed stop within two seconds, and serve the next",
          "[fleet]") {
    for (const int number : {SIGKILL, SIGSTOP}) {
        CAPTURE(number);
        TestTarget target(test::redirect);
        const auto one = listening_agent("one");
        const auto two = listening_agent("two");
        const std::string both = one->ready_address() + "," + two->ready_address();
        const BenchProgram bench;
        QckProcess running(bench.words({"max", "--target", target.url(), "--duration", "60s",
                                        "--agents", both, "--connections", "2"}));
        REQUIRE(test::within(15s, [&] { return target.requests() > 1000; }));
        running.signal(number);
        const std::int64_t killed_ns = monotonic_ns();
        const auto quiet = [&] {
            const std::uint64_t before = target.requests();
            std::this_thread::sleep_for(100ms);
            return target.requests() == before;
        };
        CHECK(test::within(2s, quiet));
        CHECK(monotonic_ns() - killed_ns < 2'200'000'000);
        const BenchProgram again;
        const auto next = again({"constant", "--target", target.url(), "--rate", "200",
                                 "--duration", "1s", "--agents", both});
        CAPTURE(next.err);
        CHECK(ran(next));
    }
}

TEST_CASE("a wrong token, garbage and long frames are refused, and the agent stays", "[fleet]") {
    TestTarget target(test::redirect);
    const auto agent = listening_agent("guarded", {}, {"QCK_FLEET_TOKEN=right"});
    const std::string address = agent->ready_address();
    const auto port =
        static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
    const std::vector<std::string> words{"constant", "--target",        target.url(), "--rate",
                                         "100",      "--duration",      "1s",         "--agents",
                                         address,    "--agents-within", "5s"};
    const auto refused = BenchProgram()(words, {"QCK_FLEET_TOKEN=wrong"});
    CHECK(refused.exit_code == 3);
    CHECK(contains(refused.err, "token"));
    CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);

    for (const std::string& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100'000, '\0'),
          std::string("\0\0\x0f\xff", 4) + std::string(4095, '\x91'), std::string("\0\0\0", 3)}) {
        net::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
        (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        const timeval patience{5, 0};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        char answer[4096];
        ssize_t got = 1;
        while (got > 0) got = ::recv(socket.get(), answer, sizeof answer, 0);
        // Closed from the other side, and not waited for in vain.
        CHECK((got == 0 || errno == ECONNRESET));
    }
    const BenchProgram bench;
    const auto run = bench(words, {"QCK_FLEET_TOKEN=right"});
    CAPTURE(run.err);
    CHECK(ran(run));
}

TEST_CASE("a fleet that cannot be is refused in one line that says why", "[fleet]") {
    const auto check = [](std::vector<std::string> words, int code, const std::string& part) {
        const auto run = test::run_program(QCK_PROGRAM, words);
        CAPTURE(words, run.err);
        CHECK(run.exit_code == code);
        CHECK(contains(run.err, part));
        CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    };
    check({"agent"}, 2, "--listen HOST:PORT");
    check({"agent", "--listen", "0.0.0.0:7070"}, 2, "token");
    check({"agent", "--join", "nowhere"}, 2, "HOST:PORT");
    check({"agent", "--join", "127.0.0.1:1", "--tls-cert", "/dev/null", "--tls-key", "/dev/null"},
          2, "--tls-cert is for --listen");
    check({"bench", "max", "--agents", "0"}, 2, "--agents");
    check({"bench", "max", "--agents", "host"}, 2, "neither a number");
    TestTarget target(test::redirect);
    const test::TemporaryDirectory directory;
    const auto bench = [&](std::vector<std::string> more) {
        std::vector<std::string> words{"bench",      "max",   "--target",
                                       target.url(), "--out", (directory.path() / "run").string()};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    };
    check(bench({"--agents-listen", "127.0.0.1:0"}), 2, "--agents N");
    check(bench({"--agents", "1", "--agents-listen", "0.0.0.0:0"}), 2, "token");
    check(bench({"--agents", "127.0.0.1:1", "--agents-within", "300ms"}), 3, "0 of 1 agents");
    check(bench({"--agents", "1", "--agents-listen", "127.0.0.1:0", "--agents-within", "300ms"}), 3,
          "0 of 1 agents");
    check(bench({"--agents", "4", "--connections", "2"}), 2, "connections");
    const std::string token = (directory.path() / "token").string();
    std::ofstream(token) << "a token of ours\n";
    const std::string scenario = (directory.path() / "secret.json").string();
    std::ofstream(scenario) << R"({
        "name": "secret",
        "phases": [{"name": "all", "duration": "1s", "rate": 10}],
        "requests": [{"path": "/a", "headers": {"authorization": "Bearer hidden"}}]})";
    const auto secret = [&](std::vector<std::string> more) {
        std::vector<std::string> words = bench(std::move(more));
        words[1] = "run";
        words.insert(words.begin() + 2, scenario);
        words.insert(words.end(), {"--fleet-token-file", token});
        return words;
    };
    check(secret({"--agents", "192.0.2.1:7070"}), 2, "--agents-ca");
    check(secret({"--agents", "1", "--agents-listen", "0.0.0.0:0"}), 2, "--agents-cert");
    // As far as it gets with an agent of this machine.
    check(secret({"--agents", "127.0.0.1:1", "--agents-within", "300ms"}), 3, "0 of 1 agents");
}
