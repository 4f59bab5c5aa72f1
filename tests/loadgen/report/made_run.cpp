#include "tests/loadgen/report/made_run.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "loadgen/scenario/loader.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::test {
namespace {

using namespace std::chrono_literals;

std::int64_t draw_ns(std::mt19937_64& random, double median_us) {
    // A log-normal by the sum of twelve uniforms: the same on every library.
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random() >> 11) / 0x1p53;
    const double tail = random() % 1000 == 0 ? 8 : 1;
    return static_cast<std::int64_t>(median_us * 1e3 * std::exp(0.45 * sum) * tail);
}

void fill_phase(record::PhaseResult& phase, std::uint64_t count, std::mt19937_64& random) {
    phase.accounting.scheduled = phase.accounting.sent = phase.accounting.answered = count;
    phase.status[302] = count;
    phase.bytes_sent = count * 90;
    phase.bytes_received = count * 180;
    const double median_us = 60 + 15 * std::log10(1.0 + phase.target_rate_per_s);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::int64_t lag_ns = draw_ns(random, 12);
        const std::int64_t service_ns = draw_ns(random, median_us);
        phase.send_lag.record(lag_ns);
        phase.service.record(service_ns);
        phase.latency.record(lag_ns + service_ns);
    }
}

void fill_series(const scenario::Plan& plan, record::RunResult& run, std::mt19937_64& random) {
    run.interval = std::max<std::chrono::nanoseconds>(100ms, run.planned / 600);
    const auto intervals = (run.planned + run.interval - 1ns) / run.interval;
    for (std::int64_t i = 0; i < intervals; ++i) {
        record::Interval& at = run.series.emplace_back();
        const auto until = [&](std::int64_t n) {
            return static_cast<std::uint64_t>(scenario::requests_until(plan, run.interval * n));
        };
        at.scheduled = at.sent = at.answered = until(i + 1) - until(i);
        const double rate = static_cast<double>(at.scheduled) * 10;
        for (std::uint64_t n = 0; n < std::min<std::uint64_t>(at.scheduled, 2000); ++n) {
            at.latency.record(draw_ns(random, 75 + 15 * std::log10(1 + rate)));
        }
    }
}

}  // namespace

scenario::Plan small_burst() {
    auto plan = scenario::scale_rates(scenario::viral_burst(), 1.0 / 64);
    return scenario::compress_time(*std::move(plan), 10).value();
}

record::RunResult good_run(const scenario::Plan& plan) {
    std::mt19937_64 random(20261121);
    record::RunResult run;
    run.started_wall_ms = 1'795'292'043'000;
    std::chrono::nanoseconds start{};
    std::uint64_t before = 0;
    for (const scenario::Phase& planned : plan.phases) {
        record::PhaseResult& phase = run.phases.emplace_back();
        phase.name = planned.name;
        phase.start = start;
        phase.duration = planned.duration;
        start += planned.duration;
        const auto until = static_cast<std::uint64_t>(scenario::requests_until(plan, start));
        phase.target_rate_per_s = static_cast<double>(until - before) /
                                  std::chrono::duration<double>(planned.duration).count();
        fill_phase(phase, until - before, random);
        before = until;
    }
    run.planned = start;
    run.duration = start + 2ms;
    fill_series(plan, run, random);
    run.links.hot = run.total().answered;
    record::ThreadResult& thread = run.generator.threads.emplace_back();
    thread.cpu = 1;
    thread.wall_time = run.duration;
    thread.cpu_time = run.duration / 5;
    thread.wakeups = 181'234;
    for (int i = 0; i < 1000; ++i) thread.wake_lag.record(draw_ns(random, 9));
    run.generator.cpu_share_max = 0.71;
    run.generator.steal_share = 0.002;
    run.generator.connections_opened = plan.connections;
    run.generator.connections_open_max = plan.connections;
    return run;
}

void fail_some(record::RunResult& run, std::size_t phase, record::Cause cause,
               std::uint64_t count) {
    record::PhaseResult& at = run.phases[phase];
    at.accounting.answered -= count;
    at.accounting.failed += count;
    at.status[302] -= count;
    at.failed_by[static_cast<std::size_t>(cause)] += count;
    run.generator.connections_lost += count;
    run.series[run.series.size() / 2].failed += count;
    run.series[run.series.size() / 2].failed_by[static_cast<std::size_t>(cause)] += count;
}

void time_out_some(record::RunResult& run, std::size_t phase, std::uint64_t count) {
    record::PhaseResult& at = run.phases[phase];
    at.accounting.answered -= count;
    at.accounting.timed_out += count;
    at.status[302] -= count;
    run.series[run.series.size() / 2].failed += count;
    run.series[run.series.size() / 2].timed_out += count;
}

void unsend_some(record::RunResult& run, std::size_t phase, record::Cause cause,
                 std::uint64_t count) {
    record::PhaseResult& at = run.phases[phase];
    at.accounting.answered -= count;
    at.accounting.sent -= count;
    at.accounting.unsent += count;
    at.status[302] -= count;
    at.unsent_by[static_cast<std::size_t>(cause)] += count;
    run.series[run.series.size() / 3].failed += count;
    run.series[run.series.size() / 3].unsent += count;
}

void lag(record::RunResult& run, std::size_t phase, std::chrono::nanoseconds by) {
    record::PhaseResult& at = run.phases[phase];
    const std::uint64_t late = at.accounting.sent / 50 + 1;
    at.send_lag.record(by.count(), late);
    // Latencies beyond lag itself, so that the share of the latency does not excuse it.
    at.latency.record(by.count() + 100'000, late);
}

void connects_failed(record::RunResult& run, record::Cause cause, std::uint64_t times) {
    run.generator.connect_failed_by[static_cast<std::size_t>(cause)] = times;
}

void take_cpus(record::RunResult& run, std::size_t phase, const record::CpuShares& shares) {
    constexpr std::chrono::nanoseconds length = 200ms;
    const auto part = [&](double share) {
        return std::chrono::nanoseconds(std::llround(share * static_cast<double>(length.count())));
    };
    const record::PhaseResult& at = run.phases[phase];
    for (std::chrono::nanoseconds begin{}; begin < run.duration; begin += length) {
        record::CpuStretch& stretch = run.generator.cpu_stretches.emplace_back();
        stretch.begin = begin;
        stretch.length = length;
        stretch.cpus = 2;
        if (begin < at.start || begin >= at.start + at.duration) continue;
        stretch.stolen = stretch.stolen_most = part(2 * shares.stolen);
        stretch.others = part(2 * shares.others);
        stretch.kept_waiting = part(shares.kept_waiting);
    }
}

}  // namespace qck::test
