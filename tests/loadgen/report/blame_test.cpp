#include "loadgen/report/blame.hpp"

#include <functional>

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using record::Cause;

namespace {

/// One way for a run to go wrong, and what is to be said of it.
struct Case {
    const char* what;
    std::function<void(record::RunResult&)> spoil;
    report::Culprit culprit;
    std::string reason;
    std::string advice;
};

const std::string late = "send lag p99 38 ms in peak";

/// Late by 4 ms, and for as long the answers to as many requests as there are connections: what a
/// standstill of the target looks like, and one of the generator too, which then reads them late.
void stand_still(record::RunResult& run) {
    test::lag(run, 0, 4ms);
    run.phases[0].service.record(4'000'000, 64);
}

const std::string steal = "send lag p99 4 ms in peak";
const std::string slow_target = "the target answered too slowly: all 64 connections were busy (" +
                                steal + "; service p99 0.397 ms, max 4 ms)";
const std::string more_at_once =
    "Raise --connections or --pipeline if it should take more at once. Otherwise this is more "
    "than it can answer: lower --rate to 110k.";

/// By the target's own account nothing came for `idle`, up to `end`, and it was `late`.
void say_idle(record::RunResult& run, std::chrono::nanoseconds idle,
              std::chrono::nanoseconds late = 1ms, std::chrono::nanoseconds end = 550ms) {
    run.arrivals.emplace().slot = 100ms;
    for (auto at = -100ms; at <= run.planned; at += 100ms) {
        auto& slot = run.arrivals->slots.emplace_back();
        slot = {at, 15'000, 1ms, at + 1ms, 0ns};
        if (end <= at || end > at + 100ms) continue;
        slot.idle_max = idle;
        slot.idle_end = end;
        slot.late_max = late;
    }
}

/// As stand_still(), for 38 ms.
void stand_long(record::RunResult& run) {
    test::lag(run, 0, 38ms);
    run.phases[0].service.record(40'000'000, 64);
}
const std::string slow_for_long = "the target answered too slowly: all 64 connections were busy (" +
                                  late + "; service p99 0.397 ms, max 40 ms)";

const Case cases[] = {
    {"CPU",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.cpu_share_max = 0.99;
     },
     report::Culprit::generator,
     "the generator could not keep time (" + late + "; its CPU was at 99 %)",
     "The latencies include that lag. Lower --rate to 110k, add --threads, or give it more "
     "cores."},
    {"CPU, and so late that some that were sent had no time left to be answered in",
     [](record::RunResult& run) {
         test::lag(run, 0, 9'990ms);
         test::unsend_some(run, 0, Cause::no_free_connection, 100'000);
         test::time_out_some(run, 0, 800);
         run.generator.cpu_share_max = 0.99;
     },
     report::Culprit::generator,
     "the generator could not keep time (only 36.0 % of the target rate was sent, send lag p99 "
     "9.99 "
     "s in peak; its CPU was at 99 %)",
     "The latencies include that lag. Lower --rate to 42k, add --threads, or give it more cores."},
    {"steal",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.steal_share = 0.12;
     },
     report::Culprit::generator,
     "the generator's CPUs were taken from it (" + late + "; steal 12 %)",
     "Run it again on a machine that is not shared, or at a quieter time."},
    {"loop lag",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.threads[0].wake_lag.record(5'000'000, 100);
     },
     report::Culprit::generator,
     "the generator's threads were woken late (" + late + "; event loop lag p99 5 ms, max 5 ms)",
     "Leave it cores of its own (--pin, fewer --threads), or lower --rate to 110k."},
    {"ports",
     [](record::RunResult& run) {
         test::unsend_some(run, 1, Cause::no_free_connection, 5000);
         test::connects_failed(run, Cause::no_ports, 1234);
     },
     report::Culprit::generator,
     "the generator ran out of local ports (1,234 connects failed; only 89.3 % of the target rate "
     "was sent in stragglers)",
     "Lower new_connections_per_s or --connections, or widen net.ipv4.ip_local_port_range."},
    {"descriptors",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         test::connects_failed(run, Cause::no_descriptors, 3);
     },
     report::Culprit::generator,
     "the generator ran out of file descriptors or socket memory (3 connects failed; " + late + ")",
     "Raise the limit (ulimit -n), or lower --connections."},
    {"retransmits",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.retransmits = 9000;
     },
     report::Culprit::network, "the network lost packets (9,000 segments sent again; " + late + ")",
     "Check the link and its queues between generator and target, or lower --rate to 110k."},
    {"retransmits, while as many requests as there are connections took as long as others waited",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.phases[0].service.record(40'000'000, 64);
         run.generator.retransmits = 9000;
     },
     report::Culprit::network, "the network lost packets (9,000 segments sent again; " + late + ")",
     "Check the link and its queues between generator and target, or lower --rate to 110k."},
    {"a full link",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.interfaces.push_back({"", "eth0", 1e9, 0.97, 0, 0, 500'000, 0, 0});
         // Its queue drops what it has no room for.
         run.generator.retransmits = 9000;
     },
     report::Culprit::network,
     "the network interface eth0 was full (97 % of its 1 Gbit/s; " + late + ")",
     "Offer the load from more machines by --agents, or over a faster link; or lower --rate to "
     "110k."},
    {"a link that is not full, of an agent whose interface drops packets",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.interfaces.push_back({"", "lo", 0, 0, 0, 0, 500'000, 0, 0});
         run.generator.interfaces.push_back({"b", "eth1", 1e9, 0.5, 0, 0, 500'000, 9'000, 12});
     },
     report::Culprit::network,
     "the network interface eth1 of b lost packets (9,000 dropped and 12 broken, of 500,000; " +
         late + ")",
     "Look at its driver, its rings (ethtool -g) and its cable, or lower --rate to 110k."},
    {"some dropped packets and a generator without CPU",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.cpu_share_max = 0.99;
         run.generator.interfaces.push_back({"", "eth0", 1e9, 0.5, 0, 0, 500'000, 4'000, 0});
     },
     report::Culprit::generator,
     "the generator could not keep time (" + late + "; its CPU was at 99 %)",
     "The latencies include that lag. Lower --rate to 110k, add --threads, or give it more "
     "cores."},
    {"no route",
     [](record::RunResult& run) {
         test::unsend_some(run, 0, Cause::no_free_connection, 100'000);
         test::connects_failed(run, Cause::unreachable, 40);
     },
     report::Culprit::network,
     "the network did not lead to the target (40 connects got no answer; only 36.0 % of the target "
     "rate was sent in peak)",
     "Check the route, firewalls and the target's accept queue."},
    {"refused",
     [](record::RunResult& run) {
         test::unsend_some(run, 0, Cause::no_free_connection, 100'000);
         test::connects_failed(run, Cause::refused, 5000);
         // Trying again and again also keeps the CPU busy; that is not the cause.
         run.generator.cpu_share_max = 0.97;
     },
     report::Culprit::target,
     "the target refused connections (5,000 times; only 36.0 % of the target rate was sent in "
     "peak)",
     "See that it runs all the while, and accepts as many connections as --connections asks for "
     "(64)."},
    {"TLS",
     [](record::RunResult& run) {
         test::unsend_some(run, 0, Cause::no_free_connection, 100'000);
         test::connects_failed(run, Cause::tls, 500);
     },
     report::Culprit::target,
     "TLS with the target failed (500 handshakes; only 36.0 % of the target rate was sent in peak)",
     "Check its certificate and protocol versions."},
    {"falls behind", [](record::RunResult& run) { run.phases[0].overtime = 250ms; },
     report::Culprit::target,
     "the target fell behind (only 80.0 % of the target rate was answered in peak; the answers to "
     "1 s of requests took 1.25 s)",
     "This is more than it can answer: lower --rate to 93k."},
    {"timeouts",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         test::time_out_some(run, 0, 2000);
     },
     report::Culprit::target,
     "the target stopped answering (2,000 timed out and held their connections; only 98.7 % of the "
     "target rate was answered, " +
         late + ")",
     "Look at the target at the time of the timeouts; the charts of report.html show when."},
    {"resets",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         test::fail_some(run, 0, Cause::reset, 5000);
     },
     report::Culprit::target,
     "the target dropped connections (5,000 lost; only 96.8 % of the target rate was answered, " +
         late + ")",
     "Look at the target's limits and log; errors are listed by cause in the report."},
    {"slow target",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.phases[0].service.record(7'000'000, 20'000);
     },
     report::Culprit::target,
     "the target answered too slowly: all 64 connections were busy (" + late +
         "; service p99 7 ms, max 7 ms)",
     "Raise --connections or --pipeline if it should take more at once. Otherwise this is more "
     "than it can answer: lower --rate to 110k."},
    {"stalled target",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.phases[0].service.record(40'000'000, 64);
     },
     report::Culprit::target,
     "the target answered too slowly: all 64 connections were busy (" + late +
         "; service p99 0.397 ms, max 40 ms)",
     "Raise --connections or --pipeline if it should take more at once. Otherwise this is more "
     "than it can answer: lower --rate to 110k."},
    {"stalled target, and a generator that was woken 2 ms late and then worked off the backlog",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.phases[0].service.record(40'000'000, 64);
         run.generator.threads[0].wake_lag.record(2'200'000, 100);
         run.generator.cpu_share_max = 0.95;
         run.generator.steal_share = 0.06;
     },
     report::Culprit::target,
     "the target answered too slowly: all 64 connections were busy (" + late +
         "; service p99 0.397 ms, max 40 ms)",
     "Raise --connections or --pipeline if it should take more at once. Otherwise this is more "
     "than it can answer: lower --rate to 110k."},
    {"no free connection while the target was silent, and a generator woken 2 ms late",
     [](record::RunResult& run) {
         test::unsend_some(run, 0, Cause::no_free_connection, 40'000);
         test::time_out_some(run, 0, 20'000);
         run.generator.threads[0].wake_lag.record(2'200'000, 100);
         run.generator.steal_share = 0.06;
     },
     report::Culprit::target,
     "the target stopped answering (20,000 timed out and held their connections; only 74.4 % of "
     "the "
     "target rate was sent in peak)",
     "Look at the target at the time of the timeouts; the charts of report.html show when."},
    {"all sent in time, and 2 % reset by the target, whatever else was amiss",
     [](record::RunResult& run) {
         test::fail_some(run, 0, Cause::reset, 4000);
         run.generator.cpu_share_max = 0.99;
         run.generator.threads[0].wake_lag.record(5'000'000, 100);
     },
     report::Culprit::target,
     "the target dropped connections (4,000 lost; only 97.4 % of the target rate was answered in "
     "peak)",
     "Look at the target's limits and log; errors are listed by cause in the report."},
    {"nothing answered but garbage",
     [](record::RunResult& run) {
         test::fail_some(run, 0, Cause::protocol, run.phases[0].accounting.answered);
     },
     report::Culprit::target,
     "what came from the target was no HTTP answer (156,250 times; nothing was answered in peak)",
     "See that --target names an HTTP/1.1 server, with https:// where it wants TLS."},
    {"all sent in time, and then lost on the way",
     [](record::RunResult& run) {
         test::time_out_some(run, 0, 4000);
         run.generator.retransmits = 9000;
     },
     report::Culprit::network,
     "the network lost packets (9,000 segments sent again; only 97.4 % of the target rate was "
     "answered in peak)",
     "Check the link and its queues between generator and target, or lower --rate to 110k."},
    {"a hundredth of the CPUs stolen while all was only late",
     [](record::RunResult& run) {
         stand_still(run);
         test::take_cpus(run, 0, {true, 0.012, 0, 0});
     },
     report::Culprit::generator,
     "the generator's CPUs were taken from it (" + steal + "; steal 1.2 % in peak)",
     "Run it again on a machine that is not shared, or at a quieter time."},
    {"less stolen than a hundredth",
     [](record::RunResult& run) {
         stand_still(run);
         test::take_cpus(run, 0, {true, 0.008, 0, 0});
     },
     report::Culprit::target, slow_target, more_at_once},
    {"CPUs stolen, but in another phase",
     [](record::RunResult& run) {
         stand_still(run);
         test::take_cpus(run, 1, {true, 0.04, 0, 0});
     },
     report::Culprit::target, slow_target, more_at_once},
    {"CPUs stolen, but never for as long as requests were late",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.phases[0].service.record(40'000'000, 64);
         test::take_cpus(run, 0, {true, 0.012, 0, 0});
     },
     report::Culprit::target,
     "the target answered too slowly: all 64 connections were busy (" + late +
         "; service p99 0.397 ms, max 40 ms)",
     more_at_once},
    {"CPUs stolen, but the connections were busy all the while",
     [](record::RunResult& run) {
         test::lag(run, 0, 4ms);
         run.phases[0].service.record(7'000'000, 20'000);
         test::take_cpus(run, 0, {true, 0.04, 0, 0});
     },
     report::Culprit::target,
     "the target answered too slowly: all 64 connections were busy (" + steal +
         "; service p99 7 ms, max 7 ms)",
     more_at_once},
    {"CPUs stolen, but the target was silent",
     [](record::RunResult& run) {
         test::lag(run, 0, 4ms);
         test::time_out_some(run, 0, 2000);
         test::take_cpus(run, 0, {true, 0.04, 0, 0});
     },
     report::Culprit::target,
     "the target stopped answering (2,000 timed out and held their connections; only 98.7 % of the "
     "target rate was answered, " +
         steal + ")",
     "Look at the target at the time of the timeouts; the charts of report.html show when."},
    {"CPUs stolen, but the generator used its own to the full",
     [](record::RunResult& run) {
         test::lag(run, 0, 4ms);
         run.generator.cpu_share_max = 0.99;
         test::take_cpus(run, 0, {true, 0.02, 0, 0});
     },
     report::Culprit::generator,
     "the generator could not keep time (" + steal + "; its CPU was at 99 %)",
     "The latencies include that lag. Lower --rate to 110k, add --threads, or give it more "
     "cores."},
    {"another process on its CPUs while all was only late",
     [](record::RunResult& run) {
         stand_still(run);
         test::take_cpus(run, 0, {true, 0, 0.3, 0.03});
     },
     report::Culprit::generator,
     "other load on this machine kept the generator from its CPUs (" + steal +
         "; other processes had 30 % of the CPUs in peak, and it waited for one 3 % of the time)",
     "Stop what else runs here, or give the generator cores of its own (--pin)."},
    {"another process on its CPU nearly all the time, so that all connections seemed busy",
     [](record::RunResult& run) {
         test::lag(run, 0, 4ms);
         run.phases[0].service.record(7'000'000, 20'000);
         test::take_cpus(run, 0, {true, 0, 0.5, 0.8});
     },
     report::Culprit::generator,
     "other load on this machine kept the generator from its CPUs (" + steal +
         "; other processes had 50 % of the CPUs in peak, and it waited for one 80 % of the time)",
     "Stop what else runs here, or give the generator cores of its own (--pin)."},
    {"another process on its CPU a third of the time, and the generator itself on it for the rest",
     [](record::RunResult& run) {
         test::lag(run, 0, 4ms);
         run.phases[0].service.record(7'000'000, 20'000);
         run.generator.cpu_share_max = 0.65;
         test::take_cpus(run, 0, {true, 0, 0.5, 0.3});
     },
     report::Culprit::generator,
     "other load on this machine kept the generator from its CPUs (" + steal +
         "; other processes had 50 % of the CPUs in peak, and it waited for one 30 % of the time)",
     "Stop what else runs here, or give the generator cores of its own (--pin)."},
    {"threads that waited for each other, beside a process that had little",
     [](record::RunResult& run) {
         test::lag(run, 0, 4ms);
         run.phases[0].service.record(7'000'000, 20'000);
         test::take_cpus(run, 0, {true, 0, 0.055, 0.74});
     },
     report::Culprit::target,
     "the target answered too slowly: all 64 connections were busy (" + steal +
         "; service p99 7 ms, max 7 ms)",
     more_at_once},
    {"another process on its CPU a third of the time, and all connections busy",
     [](record::RunResult& run) {
         run.generator.cpu_share_max = 0.4;
         test::lag(run, 0, 4ms);
         run.phases[0].service.record(7'000'000, 20'000);
         test::take_cpus(run, 0, {true, 0, 0.5, 0.3});
     },
     report::Culprit::target,
     "the target answered too slowly: all 64 connections were busy (" + steal +
         "; service p99 7 ms, max 7 ms)",
     more_at_once},
    {"another process, on CPUs that the generator did not want",
     [](record::RunResult& run) {
         stand_still(run);
         test::take_cpus(run, 0, {true, 0, 0.3, 0.002});
     },
     report::Culprit::target, slow_target, more_at_once},
    {"a generator that waited for a CPU that only the target beside it had",
     [](record::RunResult& run) {
         stand_still(run);
         test::take_cpus(run, 0, {true, 0, 0.02, 0.3});
     },
     report::Culprit::target, slow_target, more_at_once},
    {"a standstill of which the target knows nothing",
     [](record::RunResult& run) {
         stand_long(run);
         say_idle(run, 41ms);
     },
     report::Culprit::network,
     "requests did not get to the target (" + late +
         "; it says that for 41 ms none came and none was open, and that it was itself at most "
         "1 ms late)",
     "Look at what stands between generator and target: links, firewalls, proxies."},
    {"a standstill of the target, by its own account too",
     [](record::RunResult& run) {
         stand_long(run);
         say_idle(run, 41ms, 40ms);
     },
     report::Culprit::target, slow_for_long, more_at_once},
    {"idle, but not as long as requests were late",
     [](record::RunResult& run) {
         stand_long(run);
         say_idle(run, 39ms);
     },
     report::Culprit::target, slow_for_long, more_at_once},
    {"idle as long, but in another phase",
     [](record::RunResult& run) {
         stand_long(run);
         say_idle(run, 41ms, 1ms, 2s);
     },
     report::Culprit::target, slow_for_long, more_at_once},
    {"idle as long, but before the phase began",
     [](record::RunResult& run) {
         stand_long(run);
         say_idle(run, 90ms, 1ms, 5ms);
     },
     report::Culprit::target, slow_for_long, more_at_once},
    {"a target that drops connections, and was idle for a while",
     [](record::RunResult& run) {
         test::fail_some(run, 0, Cause::reset, 4000);
         run.generator.connections_lost = 4000;
         say_idle(run, 41ms);
     },
     report::Culprit::target,
     "the target dropped connections (4,000 lost; only 97.4 % of the target rate was answered in "
     "peak)",
     "Look at the target's limits and log; errors are listed by cause in the report."},
    {"a standstill of the generator, of which the target knows nothing",
     [](record::RunResult& run) {
         stand_long(run);
         say_idle(run, 41ms);
         test::take_cpus(run, 0, {true, 0, 0.02, 0.3});
     },
     report::Culprit::generator,
     "the generator's threads were woken late (" + late +
         "; event loop lag p99 23.8 µs, max 33.5 µs)",
     "Leave it cores of its own (--pin, fewer --threads), or lower --rate to 110k."},
    {"answers that were late, to requests that came late",
     [](record::RunResult& run) {
         run.phases[0].overtime = 250ms;
         say_idle(run, 180ms);
     },
     report::Culprit::network,
     "requests did not get to the target (only 80.0 % of the target rate was answered in peak; it "
     "says that for 180 ms none came and none was open, and that it was itself at most 1 ms late)",
     "Look at what stands between generator and target: links, firewalls, proxies."},
    {"not run, though nothing else was wrong",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         run.generator.threads[0].wake_lag.record(37'000'000);
     },
     report::Culprit::generator,
     "the generator's threads were woken late (" + late +
         "; event loop lag p99 24.8 µs, max 37 ms)",
     "Leave it cores of its own (--pin, fewer --threads), or lower --rate to 110k."},
};

}  // namespace

TEST_CASE("a run that fell short is invalid, and the evidence says whose fault it is",
          "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    for (const Case& one : cases) {
        CAPTURE(one.what);
        record::RunResult run = test::good_run(plan);
        one.spoil(run);
        for (const record::PhaseResult& phase : run.phases) REQUIRE(phase.accounting.closes());
        const report::Verdict verdict = report::judge(run, plan);
        CHECK(verdict.status == report::Status::invalid);
        CHECK(to_string(verdict.culprit) == to_string(one.culprit));
        CHECK(verdict.reasons == std::vector<std::string>{one.reason});
        CHECK(verdict.advice == std::vector<std::string>{one.advice});
    }
}
