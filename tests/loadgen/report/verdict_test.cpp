#include "loadgen/report/verdict.hpp"

#include <functional>

#include "tests/loadgen/report/made_run.hpp"
#include "tests/support/catch.hpp"

using namespace qck;
using namespace std::chrono_literals;
using record::Cause;

namespace {

void connects_failed(record::RunResult& run, Cause cause, std::uint64_t times) {
    run.generator.connect_failed_by[static_cast<std::size_t>(cause)] = times;
}

/// One way for a run to go wrong, and what is to be said of it.
struct Case {
    const char* what;
    std::function<void(record::RunResult&)> spoil;
    report::Culprit culprit;
    std::string reason;
    std::string advice;
};

const std::string late = "send lag p99 38 ms in peak";

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
         connects_failed(run, Cause::no_ports, 1234);
     },
     report::Culprit::generator,
     "the generator ran out of local ports (1,234 connects failed; only 89.3 % of the target rate "
     "was sent in stragglers)",
     "Lower new_connections_per_s or --connections, or widen net.ipv4.ip_local_port_range."},
    {"descriptors",
     [](record::RunResult& run) {
         test::lag(run, 0, 38ms);
         connects_failed(run, Cause::no_descriptors, 3);
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
    {"no route",
     [](record::RunResult& run) {
         test::unsend_some(run, 0, Cause::no_free_connection, 100'000);
         connects_failed(run, Cause::unreachable, 40);
     },
     report::Culprit::network,
     "the network did not lead to the target (40 connects got no answer; only 36.0 % of the target "
     "rate was sent in peak)",
     "Check the route, firewalls and the target's accept queue."},
    {"refused",
     [](record::RunResult& run) {
         test::unsend_some(run, 0, Cause::no_free_connection, 100'000);
         connects_failed(run, Cause::refused, 5000);
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
         connects_failed(run, Cause::tls, 500);
     },
     report::Culprit::target,
     "TLS with the target failed (500 handshakes; only 36.0 % of the target rate was sent in peak)",
     "Check its certificate and protocol versions."},
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

TEST_CASE("a run that was offered as planned is valid", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    const report::Verdict verdict = report::judge(test::good_run(plan), plan);
    CHECK(verdict.status == report::Status::valid);
    CHECK(verdict.culprit == report::Culprit::none);
    CHECK(verdict.reasons.empty());
    CHECK(verdict.advice.empty());
}

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

TEST_CASE("99 of 100 answered is enough, and less is not", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    const std::uint64_t one_percent = run.phases[1].accounting.scheduled / 100;
    test::time_out_some(run, 1, one_percent);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    test::fail_some(run, 1, Cause::reset, 1);
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(verdict.culprit == report::Culprit::target);
    // An interrupted run owes no answer to what it cut off itself.
    run = test::good_run(plan);
    run.interrupted = true;
    run.phases[0].accounting.answered -= 5000;
    run.phases[0].accounting.in_flight += 5000;
    CHECK(report::judge(run, plan).reasons.size() == 1);
}

TEST_CASE("connections that were not renewed as often as asked for are named",
          "[loadgen][report]") {
    scenario::Plan plan = test::small_burst();
    plan.new_connections_per_s = 2000;
    record::RunResult run = test::good_run(plan);
    run.generator.connections_opened = plan.connections + 2000 * 40;
    CHECK(report::judge(run, plan).status == report::Status::valid);
    run.generator.connections_opened = plan.connections + 223 * 40;
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(verdict.reasons ==
          std::vector<std::string>{"only 222/s of the 2k/s new connections asked for were opened"});
}

TEST_CASE("99 of 100 sent is enough, and less is not", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    const std::uint64_t one_percent = run.phases[1].accounting.scheduled / 100;
    test::unsend_some(run, 1, Cause::no_free_connection, one_percent);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    test::unsend_some(run, 1, Cause::no_free_connection, 1);
    CHECK(report::judge(run, plan).status == report::Status::invalid);
}

TEST_CASE("a phase that lacks no whole request lacks nothing", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    record::PhaseResult& last = run.phases.back();
    last.target_rate_per_s = (static_cast<double>(last.accounting.sent) + 0.9) /
                             std::chrono::duration<double>(last.duration).count();
    CHECK(report::judge(run, plan).status == report::Status::valid);
}

TEST_CASE("the send lag may be a millisecond, or a tenth of the latency", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    test::lag(run, 0, 990us);
    CHECK(report::judge(run, plan).status == report::Status::valid);
    run = test::good_run(plan);
    test::lag(run, 0, 1100us);
    CHECK(report::judge(run, plan).status == report::Status::invalid);
    // The same lag beside latencies of 20 ms does not change what they say.
    run.phases[0].latency.record(20'000'000, run.phases[0].accounting.sent);
    CHECK(report::judge(run, plan).status == report::Status::valid);
}

TEST_CASE("several phases are one reason, of the worst of them", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.generator.cpu_share_max = 1;
    test::lag(run, 1, 5ms);
    test::lag(run, 2, 9ms);
    test::unsend_some(run, 0, Cause::no_free_connection, 20'000);
    CHECK(
        report::judge(run, plan).reasons ==
        std::vector<std::string>{"the generator could not keep time (only 87.2 % of the target "
                                 "rate was sent in peak and 2 more phases; its CPU was at 100 %)"});
}

TEST_CASE("accounting that does not close is qck's own fault", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.phases[3].accounting.answered -= 1;
    const report::Verdict verdict = report::judge(run, plan);
    CHECK(verdict.status == report::Status::invalid);
    CHECK(verdict.culprit == report::Culprit::generator);
    CHECK(verdict.reasons ==
          std::vector<std::string>{
              "the accounting of normal does not close (scheduled 93, sent 93, unsent 0, answered "
              "92, failed 0, timed out 0, in flight 0)"});
    CHECK(verdict.advice ==
          std::vector<std::string>{"This is a defect of qck: please report it with report.json."});
}

TEST_CASE("a closed loop has no target to miss", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.closed_loop = true;
    test::lag(run, 0, 38ms);
    CHECK(report::judge(run, plan).status == report::Status::valid);
}

TEST_CASE("a closed loop that was not answered measured nothing", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run;
    run.closed_loop = true;
    run.duration = run.planned = 1s;
    record::PhaseResult& phase = run.phases.emplace_back();
    phase.name = "max";
    phase.duration = 1s;
    // Nobody could be connected to.
    connects_failed(run, Cause::refused, 500);
    CHECK(report::judge(run, plan).status == report::Status::invalid);
    CHECK(report::judge(run, plan).reasons ==
          std::vector<std::string>{
              "the target refused connections (500 times; nothing was answered in max)"});
    // All were reset.
    run.generator = {};
    run.generator.connections_opened = 12;
    phase.accounting.scheduled = phase.accounting.sent = phase.accounting.failed = 12;
    phase.failed_by[static_cast<std::size_t>(Cause::reset)] = 12;
    CHECK(to_string(report::judge(run, plan).culprit) == "target");
    CHECK(report::judge(run, plan).status == report::Status::invalid);
}

TEST_CASE("an interrupted run says so, and what else was wrong", "[loadgen][report]") {
    const scenario::Plan plan = test::small_burst();
    record::RunResult run = test::good_run(plan);
    run.interrupted = true;
    run.duration = 3200ms;
    CHECK(report::judge(run, plan).status == report::Status::interrupted);
    CHECK(report::judge(run, plan).reasons ==
          std::vector<std::string>{"stopped after 3.2 s of 40 s"});
    // A phase that was cut short owes only what had come due.
    run.phases[2].target_rate_per_s *= 2;
    CHECK(report::judge(run, plan).reasons.size() == 1);
    test::lag(run, 0, 38ms);
    CHECK(report::judge(run, plan).status == report::Status::interrupted);
    CHECK(report::judge(run, plan).reasons.size() == 2);
}
