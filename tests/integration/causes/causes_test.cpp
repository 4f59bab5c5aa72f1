#include <sched.h>
#include <sys/resource.h>

#include <memory>
#include <thread>

#include "base/cpu.hpp"
#include "base/net/tls.hpp"
#include "tests/integration/causes/bench_child.hpp"
#include "tests/integration/causes/stolen_time.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/test_certificate.hpp"
#include "tests/support/test_target.hpp"

// Each cause that a run can be INVALID for, made to happen to the real program; those of the
// network are in network_causes_test.cpp. The table of them is in docs/LOAD-TESTING.md.

using namespace qck;
using namespace std::chrono_literals;
using test::bench_after;
using test::BenchProgram;
using test::check_laid_to;
using test::constant;
using test::contains;
using test::has_namespaces;
using test::laid_to;
using test::loopback_up;
using test::QckProcess;
using test::Reaction;
using test::renewing;
using test::TestTarget;
using test::unshared;

namespace {

Reaction silent(std::string_view) { return {"", Reaction::Then::go_silent}; }
Reaction reset(std::string_view) { return {"", Reaction::Then::reset}; }

/// An answer that takes its reader many times as long as its writer: 5,000 chunks.
Reaction in_many_chunks(std::string_view) {
    static const std::string bytes = [] {
        std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (int chunk = 0; chunk < 5'000; ++chunk) text += "1\r\nx\r\n";
        return text + "0\r\n\r\n";
    }();
    return {bytes};
}

/// A service that something happens to while load is offered.
struct Service {
    test::TemporaryDirectory directory;
    QckProcess process{{"serve", "--data-dir", (directory.path() / "data").string(), "--listen",
                        "127.0.0.1:0", "--api", "127.0.0.1:0", "--ingest", "127.0.0.1:0", "--admin",
                        "127.0.0.1:0"}};
    std::string redirect = "http://" + process.ready_address("redirect") + "/health";
};

/// Runs a bench, and `happen` once its load has gone on for half a second.
template <class Happen>
void run_while(const BenchProgram& bench, std::vector<std::string> words, Happen&& happen) {
    QckProcess run(bench.words(std::move(words)));
    REQUIRE(test::eventually([&run] { return test::load_threads_of(run.pid()) > 0; }));
    std::this_thread::sleep_for(500ms);
    happen();
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    CHECK(code == 4);
}

}  // namespace

TEST_CASE("a generator out of file descriptors is the cause", "[causes]") {
    TestTarget target(test::redirect);
    const BenchProgram bench;
    // Enough by the limit for 64 users; but who started it has left most of them open.
    const auto run = bench_after(
        bench,
        [] {
            const rlimit limit{340, 340};
            ::setrlimit(RLIMIT_NOFILE, &limit);
            for (int at = 0; at < 290; ++at) (void)::open("/dev/null", O_RDONLY);
        },
        {"orchestrator", "--target", target.url(), "--read-users", "64", "--write-users", "0",
         "--processes", "1", "--read-rate", "5", "--duration", "3s", "--timeout", "1s"});
    CAPTURE(run.out);
    REQUIRE(run.exit_code == 4);
    check_laid_to(bench, "generator", "ran out of file descriptors");
    CHECK(bench.report()["generator"]["sockets"]["descriptors_allowed"] == 340);
}

TEST_CASE("a generator out of local ports is the cause", "[causes][skippable]") {
    if (!has_namespaces()) QCK_SKIP("network namespaces need root and `unshare`");
    const BenchProgram bench;
    // A hundred ports, and each that was used is kept a minute.
    const std::string settings =
        std::string(loopback_up) +
        " && echo 41000 41099 > /proc/sys/net/ipv4/ip_local_port_range && echo 0 > "
        "/proc/sys/net/ipv4/tcp_tw_reuse";
    const std::string command = unshared("-n", settings, renewing(bench, 400, {"--serve"}));
    QckProcess run(QckProcess::shell, command, {});
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    check_laid_to(bench, "generator", "ran out of local ports");
    const auto sockets = bench.report()["generator"]["sockets"];
    CAPTURE(sockets.dump());
    CHECK(sockets["local_ports"] == 100);
    CHECK(sockets["time_wait"] > 50);
}

TEST_CASE("a generator that was not run is the cause", "[causes]") {
    TestTarget target(test::redirect);
    const BenchProgram bench;
    QckProcess run(bench.words(constant(target.url(), {"--rate", "500", "--duration", "3s"})));
    REQUIRE(test::eventually([&run] { return test::load_threads_of(run.pid()) > 0; }));
    std::this_thread::sleep_for(500ms);
    run.signal(SIGSTOP);
    std::this_thread::sleep_for(400ms);
    run.signal(SIGCONT);
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    check_laid_to(bench, "generator", "the generator's threads were woken late");
}

TEST_CASE("a generator whose CPU was full is the cause", "[causes]") {
    TestTarget target(in_many_chunks);
    const BenchProgram bench;
    const auto run =
        bench(constant(target.url(), {"--rate", "30000", "--duration", "2s", "--connections", "16",
                                      "--threads", "1", "--timeout", "10s"}));
    CAPTURE(run.out, run.err);
    REQUIRE(run.exit_code == 4);
    const auto laid = laid_to(bench);
    CAPTURE(laid.reason);
    CHECK(laid.cause == "generator");
    // Others that take CPUs at that moment are found first.
    CHECK((contains(laid.reason, "the generator could not keep time") ||
           contains(laid.reason, "other load on this machine") || contains(laid.reason, "steal")));
}

TEST_CASE("other load on the generator's CPU is the cause", "[causes][skippable]") {
    if (::geteuid() != 0) QCK_SKIP("to take a CPU for sure needs root");
    const int cpu = allowed_cpus().back();
    // Half of the CPU's time, 20 ms in a piece, whatever else wants it.
    const pid_t burner = ::fork();
    REQUIRE(burner >= 0);
    if (burner == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)pin_thread(cpu);
        const sched_param first{1};
        if (::sched_setscheduler(0, SCHED_FIFO, &first) != 0) ::_exit(1);
        for (const std::int64_t begin = monotonic_ns(); monotonic_ns() - begin < 60'000'000'000;) {
            const std::int64_t from = monotonic_ns();
            while (monotonic_ns() - from < 20'000'000) {
            }
            ::usleep(20'000);
        }
        ::_exit(0);
    }
    TestTarget target(test::redirect);
    // In one process, in several, and in one that is dialled.
    QckProcess agent({"agent", "--listen", "127.0.0.1:0", "--pin", std::to_string(cpu)});
    const std::string address = agent.ready_address();
    for (const std::string agents : {"", "2", address.c_str()}) {
        CAPTURE(agents);
        std::vector<std::string> words{"--rate", "500", "--duration", "3s"};
        if (agents != address) words.insert(words.end(), {"--pin", std::to_string(cpu)});
        if (!agents.empty()) words.insert(words.end(), {"--agents", agents});
        const BenchProgram bench;
        const auto run = bench_after(
            bench, [] {}, constant(target.url(), words));
        int status = 0;
        if (::waitpid(burner, &status, WNOHANG) == burner) QCK_SKIP("no real-time scheduling here");
        CAPTURE(run.out);
        CHECK(run.exit_code == 4);
        if (run.exit_code != 4) continue;
        const auto laid = laid_to(bench);
        CAPTURE(laid.reason);
        CHECK(laid.cause == "generator");
        // A hypervisor that takes CPUs at that moment is found first.
        CHECK((contains(laid.reason, "other load on this machine") ||
               contains(laid.reason, "steal")));
    }
    ::kill(burner, SIGKILL);
    ::waitpid(burner, nullptr, 0);
}

TEST_CASE("a hypervisor that takes the generator's CPUs is the cause", "[causes][skippable]") {
    if (!has_namespaces()) QCK_SKIP("namespaces need root and `unshare`");
    TestTarget target(test::redirect);
    const BenchProgram bench;
    // No guest can have that made to it: its /proc/stat is ours, and it is stopped as by one.
    const auto stat = bench.directory.path() / "stat";
    test::write_stolen(stat, 0);
    const std::string command =
        unshared("-m", "mount --bind " + stat.string() + " /proc/stat",
                 bench.words(constant(target.url(), {"--rate", "500", "--duration", "4s"})));
    QckProcess run(QckProcess::shell, command, {});
    REQUIRE(test::eventually([&run] { return test::load_threads_of(run.pid()) > 0; }));
    // A third of the time.
    std::uint64_t stolen = 0;
    while (test::load_threads_of(run.pid()) > 0) {
        run.signal(SIGSTOP);
        std::this_thread::sleep_for(20ms);
        run.signal(SIGCONT);
        test::write_stolen(stat, stolen += 2);
        std::this_thread::sleep_for(40ms);
    }
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    check_laid_to(bench, "generator", "the generator's CPUs were taken from it");
}

TEST_CASE("a target that refuses connections is the cause", "[causes]") {
    Service service;
    const BenchProgram bench;
    run_while(
        bench,
        constant(service.redirect, {"--rate", "200", "--duration", "4s", "--timeout", "500ms"}),
        [&] { service.process.signal(SIGKILL); });
    check_laid_to(bench, "target", "the target refused connections");
}

TEST_CASE("a target that resets connections is the cause", "[causes]") {
    TestTarget target(reset);
    const BenchProgram bench;
    const auto run = bench(constant(target.url(), {"--rate", "200", "--duration", "1s"}));
    CAPTURE(run.out, run.err);
    REQUIRE(run.exit_code == 4);
    check_laid_to(bench, "target", "the target dropped connections");
}

TEST_CASE("a target that is too slow is the cause", "[causes]") {
    Service service;
    const BenchProgram bench;
    run_while(bench,
              constant(service.redirect,
                       {"--rate", "500", "--duration", "4s", "--connections", "8", "--timeout",
                        "20s", "--admin", service.process.ready_address("admin")}),
              [&] {
                  service.process.signal(SIGSTOP);
                  std::this_thread::sleep_for(1500ms);
                  service.process.signal(SIGCONT);
              });
    check_laid_to(bench, "target", "the target answered too slowly: all 8 connections were busy");
    // It stood still itself, and says so.
    const auto arrivals = bench.report()["phases"][0]["arrivals"];
    CAPTURE(arrivals.dump());
    CHECK(arrivals["requests"] >= 1'900);
    CHECK(arrivals["late_max_us"] > 1'400'000);
}

TEST_CASE("an admin listener that was named and does not answer is said before the run",
          "[causes]") {
    TestTarget target(test::redirect);
    const BenchProgram bench;
    const auto run = bench(constant(
        target.url(), {"--rate", "200", "--duration", "1s", "--admin", "http://127.0.0.1:1"}));
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 3);
    CHECK(contains(run.err, "--admin: cannot reach http://127.0.0.1:1"));
    CHECK(target.requests() == 0);
}

TEST_CASE("a target that does not answer in time is the cause", "[causes]") {
    TestTarget target(silent);
    const BenchProgram bench;
    const auto run = bench(constant(target.url(), {"--rate", "200", "--duration", "1s", "--timeout",
                                                   "300ms", "--connections", "256"}));
    CAPTURE(run.out, run.err);
    REQUIRE(run.exit_code == 4);
    check_laid_to(bench, "target", "the target stopped answering");
}

TEST_CASE("TLS that fails is said before the run", "[causes]") {
    const test::TemporaryDirectory directory;
    const auto made = test::write_certificate(directory.path(), "nobody's");
    auto context =
        net::TlsServerContext::load({made.certificate_file.string(), made.key_file.string()});
    REQUIRE(context.has_value());
    TestTarget target(test::redirect, context->get());
    const BenchProgram bench;
    const auto run =
        bench(constant(target.url(), {"--rate", "200", "--duration", "1s", "--timeout", "500ms"}));
    CAPTURE(run.out, run.err);
    CHECK(run.exit_code == 3);
    CHECK(contains(run.err, "cannot speak TLS"));
    CHECK_FALSE(std::filesystem::exists(bench.out() / "report.json"));
}

TEST_CASE("TLS that fails meanwhile is the cause", "[causes]") {
    const test::TemporaryDirectory directory;
    const auto made = test::write_certificate(directory.path(), "trusted");
    const auto trusted = directory.path() / "trusted.pem";
    std::filesystem::copy_file(made.certificate_file, trusted);
    QckProcess service({"serve", "--data-dir", (directory.path() / "data").string(), "--listen",
                        "127.0.0.1:0", "--api", "127.0.0.1:0", "--ingest", "127.0.0.1:0", "--admin",
                        "127.0.0.1:0", "--tls-cert", made.certificate_file.string(), "--tls-key",
                        made.key_file.string()});
    const BenchProgram bench;
    QckProcess run(renewing(bench, 100,
                            {"--target", "https://" + service.ready_address("redirect") + "/",
                             "--ca", trusted.string()}));
    REQUIRE(test::eventually([&run] { return test::load_threads_of(run.pid()) > 0; }));
    // From now on it shows a certificate that nobody trusts.
    test::write_certificate(directory.path(), "another");
    service.signal(SIGHUP);
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    check_laid_to(bench, "target", "TLS with the target failed");
}

TEST_CASE("an agent that is lost is the cause", "[causes]") {
    TestTarget target(test::redirect);
    std::vector<std::unique_ptr<QckProcess>> agents;
    std::string all;
    for (const char* name : {"a", "b"}) {
        agents.push_back(std::make_unique<QckProcess>(std::vector<std::string>{
            "agent", "--listen", "127.0.0.1:0", "--name", name, "--threads", "1"}));
        all += (all.empty() ? "" : ",") + agents.back()->ready_address();
    }
    const BenchProgram bench;
    QckProcess run(bench.words(
        constant(target.url(), {"--rate", "1000", "--duration", "8s", "--agents", all})));
    // Calibration (at 1.2 times the rate for 1.5 s, or in closed loop) is over when more than that
    // was asked, and the rate has been that of the run for a while.
    int steady = 0;
    REQUIRE(test::eventually([&] {
        const std::uint64_t before = target.requests();
        std::this_thread::sleep_for(300ms);
        const std::uint64_t now = target.requests() - before;
        steady = before > 1'800 && now > 230 && now < 370 ? steady + 1 : 0;
        return steady == 3;
    }));
    agents[1]->signal(SIGSTOP);
    const int code = run.wait_for_exit(60s);
    agents[1]->signal(SIGCONT);
    CAPTURE(test::text_of_file(run.log()));
    CHECK(code == 4);
    check_laid_to(bench, "generator", "agent b was lost");
}
