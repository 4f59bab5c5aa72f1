#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/integration/causes/bench_child.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/network_namespace.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/test_target.hpp"

// What a network can do to a run that makes it INVALID, made to happen to the real program.

using namespace qck;
using namespace std::chrono_literals;
using test::BenchProgram;
using test::check_laid_to;
using test::constant;
using test::has_namespaces;
using test::loopback_up;
using test::QckProcess;
using test::renewing;
using test::TestTarget;
using test::unshared;

TEST_CASE("a network that does not lead to the target is the cause", "[causes][skippable]") {
    if (!has_namespaces()) QCK_SKIP("network namespaces need root and `unshare`");
    const BenchProgram bench;
    const std::string command = unshared("-n", loopback_up, renewing(bench, 10, {"--serve"}));
    QckProcess run(QckProcess::shell, command, {});
    REQUIRE(test::eventually([&run] { return test::load_threads_of(run.pid()) > 0; }));
    std::this_thread::sleep_for(500ms);
    const std::string inside = "nsenter -n -t " + std::to_string(run.pid()) + " ip link set lo ";
    REQUIRE(std::system((inside + "down").c_str()) == 0);
    std::this_thread::sleep_for(1500ms);
    REQUIRE(std::system((inside + "up").c_str()) == 0);
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    check_laid_to(bench, "network", "the network did not lead to the target");
}

TEST_CASE("a network that stood still is the cause, since the target says that nothing came",
          "[causes][skippable]") {
    if (!has_namespaces()) QCK_SKIP("network namespaces need root and `unshare`");
    const BenchProgram bench;
    // Too few segments are lost to tell it by.
    const std::string command =
        unshared("-n", loopback_up,
                 bench.words({"constant", "--serve", "--rate", "2000", "--duration", "4s",
                              "--connections", "8", "--timeout", "5s"}));
    QckProcess run(QckProcess::shell, command, {});
    REQUIRE(test::eventually([&run] { return test::load_threads_of(run.pid()) > 0; }));
    std::this_thread::sleep_for(1s);
    const std::string inside = "nsenter -n -t " + std::to_string(run.pid()) + " sh -c '";
    REQUIRE(std::system((inside + "ip link set lo down; sleep 0.3; ip link set lo up'").c_str()) ==
            0);
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    check_laid_to(bench, "network", "requests did not get to the target");
    const auto arrivals = bench.report()["phases"][0]["arrivals"];
    CAPTURE(arrivals.dump());
    CHECK(arrivals["requests"] >= 7'000);
    CHECK(arrivals["idle_max_us"] > 250'000);
    CHECK(arrivals["late_max_us"] < 100'000);
}

TEST_CASE("a full link is the cause", "[causes][skippable]") {
    if (!has_namespaces()) QCK_SKIP("network namespaces need root and `unshare`");
    const std::string slow_loopback =
        "tc qdisc add dev lo root tbf rate 10mbit burst 16k latency 1s";
    if (std::system(("unshare -n -m sh -c '" + slow_loopback +
                     " && mount --bind /tmp /sys/class/net' 2>/dev/null")
                        .c_str()) != 0) {
        QCK_SKIP("`tc` with its token bucket, or `mount`, is not to be had");
    }
    const BenchProgram bench;
    // An interface of 10 Mbit/s, and it says so.
    const auto interfaces = bench.directory.path() / "interfaces";
    std::filesystem::create_directories(interfaces / "lo" / "device");
    std::ofstream(interfaces / "lo" / "speed") << "10\n";
    const std::string settings = loopback_up + (" && " + slow_loopback) + " && mount --bind " +
                                 interfaces.string() + " /sys/class/net";
    const std::string command =
        unshared("-n -m", settings,
                 bench.words({"constant", "--serve", "--rate", "8000", "--duration", "4s",
                              "--connections", "64", "--timeout", "5s"}));
    QckProcess run(QckProcess::shell, command, {});
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    check_laid_to(bench, "network", "the network interface lo was full");
    const auto loopback = bench.report()["generator"]["interfaces"][0];
    CAPTURE(loopback.dump());
    CHECK(loopback["speed_bits_per_s"] == 10'000'000);
}

TEST_CASE("an interface that drops packets is the cause", "[causes][skippable]") {
    test::NetworkNamespace space;
    if (!space.is_made()) QCK_SKIP("needs root, `ip netns` and /dev/net/tun");
    const test::TemporaryDirectory directory;
    QckProcess service({"serve", "--data-dir", (directory.path() / "data").string(), "--listen",
                        space.outer_address() + ":0", "--api", "127.0.0.1:0", "--ingest",
                        "127.0.0.1:0", "--admin", "127.0.0.1:0"});
    const BenchProgram bench;
    std::string command = "exec " + space.inside(QCK_PROGRAM);
    for (const std::string& word :
         bench.words(constant("http://" + service.ready_address("redirect") + "/health",
                              {"--rate", "1000", "--duration", "4s", "--connections", "32",
                               "--timeout", "20s", "--allow-public"}))) {
        command += " " + word;
    }
    QckProcess run(QckProcess::shell, command, {});
    REQUIRE(test::eventually([&run] { return test::load_threads_of(run.pid()) > 0; }));
    std::this_thread::sleep_for(500ms);
    // All are connected. From now on the line takes 500 packets a second.
    REQUIRE(space.slow_down(2ms, 4));
    const int code = run.wait_for_exit(60s);
    CAPTURE(test::text_of_file(run.log()));
    REQUIRE(code == 4);
    const auto interface = bench.report()["generator"]["interfaces"][0];
    CAPTURE(interface.dump());
    check_laid_to(bench, "network",
                  "the network interface " + space.inner_interface() + " lost packets (");
    CHECK(interface["dropped"] >= 10);
}

TEST_CASE("a network that loses packets is the cause", "[causes]") {
    TestTarget target(test::redirect);
    target.lose(0.2);
    const BenchProgram bench;
    const auto run = bench(constant(target.url(), {"--rate", "1000", "--duration", "3s",
                                                   "--timeout", "2s", "--connections", "16"}));
    CAPTURE(run.out, run.err);
    REQUIRE(run.exit_code == 4);
    check_laid_to(bench, "network", "the network lost packets");
    CHECK(bench.report()["generator"]["retransmits"] > 50);
}

TEST_CASE("what leads to the target is in the evidence", "[causes]") {
    TestTarget target(test::redirect);
    const BenchProgram bench;
    const auto run = bench(constant(target.url(), {"--rate", "200", "--duration", "1s"}));
    CAPTURE(run.out, run.err);
    REQUIRE(test::ran(run));
    const auto generator = bench.report()["generator"];
    REQUIRE(generator["interfaces"].size() == 1);
    const auto& loopback = generator["interfaces"][0];
    CHECK(loopback["name"] == "lo");
    CHECK(loopback["speed_bits_per_s"].is_null());
    // A request and its answer at the least.
    CHECK(loopback["packets"] >= 2 * 200);
    CHECK(loopback["sent_bytes"] > 200 * 100);
    CHECK(generator["sockets"]["tcp"] >= 64);
    CHECK(generator["sockets"]["local_ports"] > 1000);
}
