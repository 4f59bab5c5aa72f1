#include "loadgen/report/blame.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/units.hpp"

namespace qck::report {
namespace {

using record::Cause;

/// A thread this busy in its busiest second had no room to be on time.
constexpr double cpu_share_full = 0.9;
/// Above this the hypervisor's share alone explains milliseconds of lag.
constexpr double steal_share_much = 0.05;
/// The event loop is expected back from a wait within this, 99 times of 100.
constexpr std::uint64_t wake_lag_p99_max_ns = 1'000'000;
/// Segments sent again, over requests sent: TCP then waits 200 ms at a time.
constexpr double retransmit_share_much = 0.01;
/// Of the places for requests on the connections: this full on average, some wait.
constexpr double busy_share = 0.7;
/// Connects that failed, over all that were tried.
constexpr double connect_failed_share_much = 0.1;

struct Facts {
    const record::RunResult& run;
    const scenario::Plan& plan;
    const Shortfall& worst;
    std::string symptom;  ///< "send lag p99 38 ms in peak"
};

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, share >= 0.1 ? "%.0f %%" : "%.2g %%", share * 100);
    return text;
}

std::string symptom_of(const std::vector<Shortfall>& shortfalls) {
    const Shortfall& worst = shortfalls.front();
    std::string text;
    if (worst.slow) {
        char share[32];
        std::snprintf(share, sizeof share, "%.1f %%", std::floor(worst.achieved * 1000) / 10);
        text = std::string("only ") + share + " of the target rate was sent";
    }
    if (worst.late) {
        if (worst.slow) text += ", ";
        text += "send lag p99 " + format_duration(std::chrono::nanoseconds(worst.lag_p99_ns));
    }
    text += " in " + worst.phase->name;
    if (const std::size_t more = shortfalls.size() - 1; more > 0) {
        text += " and " + std::to_string(more) + (more == 1 ? " more phase" : " more phases");
    }
    return text;
}

/// `--rate` at which this run should hold: three quarters of what the worst phase sent, carried
/// over to the peak, with two digits.
std::string lower_rate(const Facts& facts) {
    double peak = 0;
    for (const auto& phase : facts.run.phases) peak = std::max(peak, phase.target_rate_per_s);
    const record::PhaseResult& phase = *facts.worst.phase;
    const double sent = phase.achieved_rate_per_s();
    if (!(sent > 0) || !(phase.target_rate_per_s > 0)) return "Lower --rate";
    const double rate = 0.75 * sent * peak / phase.target_rate_per_s;
    const double unit = std::pow(10, std::floor(std::log10(rate)) - 1);
    return "Lower --rate to " + format_rate(std::max(std::floor(rate / unit) * unit, 1e-3));
}

std::uint64_t connect_failures(const Facts& facts, std::initializer_list<Cause> causes) {
    std::uint64_t sum = 0;
    for (const Cause cause : causes) {
        sum += facts.run.generator.connect_failed_by[static_cast<std::size_t>(cause)];
    }
    return sum;
}

bool many_connects_failed(const Facts& facts, std::uint64_t failed) {
    const auto tried = static_cast<double>(failed + facts.run.generator.connections_opened);
    return failed > 0 && static_cast<double>(failed) >= connect_failed_share_much * tried;
}

std::optional<Blame> exhausted(const Facts& facts) {
    if (const auto ports = connect_failures(facts, {Cause::no_ports}); ports > 0) {
        return Blame{Culprit::generator,
                     "the generator ran out of local ports (" + format_count(ports) +
                         " connects failed; " + facts.symptom + ")",
                     {"Lower new_connections_per_s or --connections, or widen "
                      "net.ipv4.ip_local_port_range."}};
    }
    if (const auto sockets = connect_failures(facts, {Cause::no_descriptors}); sockets > 0) {
        return Blame{Culprit::generator,
                     "the generator ran out of file descriptors or socket memory (" +
                         format_count(sockets) + " connects failed; " + facts.symptom + ")",
                     {"Raise the limit (ulimit -n), or lower --connections."}};
    }
    return std::nullopt;
}

std::optional<Blame> not_connected(const Facts& facts) {
    const auto refused = connect_failures(facts, {Cause::refused, Cause::reset});
    if (many_connects_failed(facts, refused)) {
        return Blame{Culprit::target,
                     "the target refused connections (" + format_count(refused) + " times; " +
                         facts.symptom + ")",
                     {"See that it runs all the while, and accepts as many connections as "
                      "--connections asks for (" +
                      format_count(facts.plan.connections) + ")."}};
    }
    const auto lost = connect_failures(facts, {Cause::unreachable, Cause::connect_timeout});
    if (many_connects_failed(facts, lost)) {
        return Blame{Culprit::network,
                     "the network did not lead to the target (" + format_count(lost) +
                         " connects got no answer; " + facts.symptom + ")",
                     {"Check the route, firewalls and the target's accept queue."}};
    }
    const auto tls = connect_failures(facts, {Cause::tls});
    if (many_connects_failed(facts, tls)) {
        return Blame{Culprit::target,
                     "TLS with the target failed (" + format_count(tls) + " handshakes; " +
                         facts.symptom + ")",
                     {"Check its certificate and protocol versions."}};
    }
    return std::nullopt;
}

std::optional<Blame> generator_short_of_cpu(const Facts& facts) {
    const record::GeneratorEvidence& generator = facts.run.generator;
    if (generator.cpu_share_max >= cpu_share_full) {
        return Blame{Culprit::generator,
                     "the generator could not keep time (" + facts.symptom + "; its CPU was at " +
                         percent(generator.cpu_share_max) + ")",
                     {"The latencies include that lag. " + lower_rate(facts) +
                      ", add --threads, or give it more cores."}};
    }
    if (generator.steal_share >= steal_share_much) {
        return Blame{Culprit::generator,
                     "the generator's CPUs were taken from it (" + facts.symptom + "; steal " +
                         percent(generator.steal_share) + ")",
                     {"Run it again on a machine that is not shared, or at a quieter time."}};
    }
    return std::nullopt;
}

Blame woken_late_by(const Facts& facts, const stats::Histogram& wake_lag) {
    const auto shown = [](std::uint64_t ns) {
        return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
    };
    return {Culprit::generator,
            "the generator's threads were woken late (" + facts.symptom + "; event loop lag p99 " +
                shown(wake_lag.percentile_ns(0.99)) + ", max " + shown(wake_lag.max_ns()) + ")",
            {"Leave it cores of its own (--pin, fewer --threads), or l" +
             lower_rate(facts).substr(1) + "."}};
}

stats::Histogram wake_lag_of(const record::RunResult& run) {
    stats::Histogram sum;
    for (const record::ThreadResult& thread : run.generator.threads) sum.add(thread.wake_lag);
    return sum;
}

std::optional<Blame> woken_late(const Facts& facts) {
    const stats::Histogram wake_lag = wake_lag_of(facts.run);
    if (wake_lag.percentile_ns(0.99) <= wake_lag_p99_max_ns) return std::nullopt;
    return woken_late_by(facts, wake_lag);
}

std::optional<Blame> packets_lost(const Facts& facts) {
    const std::uint64_t again = facts.run.generator.retransmits;
    const auto sent = static_cast<double>(facts.run.total().sent);
    if (again < 10 || static_cast<double>(again) < retransmit_share_much * sent) {
        return std::nullopt;
    }
    return Blame{Culprit::network,
                 "the network lost packets (" + format_count(again) + " segments sent again; " +
                     facts.symptom + ")",
                 {"Check the link and its queues between generator and target, or " +
                  ("l" + lower_rate(facts).substr(1)) + "."}};
}

/// Whether all connections can have been in use at once: by Little's law over the phase, or because
/// as many requests as there are places took as long as others waited, as when a target stalls.
bool connections_were_busy(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const double places = static_cast<double>(facts.plan.connections) * facts.plan.pipeline;
    const auto no_free = static_cast<std::size_t>(Cause::no_free_connection);
    if (phase.unsent_by[no_free] > 0) return true;
    const double in_use = phase.achieved_rate_per_s() * phase.service.mean_ns() / 1e9;
    if (in_use >= busy_share * places) return true;
    std::uint64_t as_long = 0;
    phase.service.for_each([&](std::uint64_t top_ns, std::uint64_t count) {
        if (top_ns * 2 >= static_cast<std::uint64_t>(facts.worst.lag_p99_ns)) as_long += count;
    });
    return static_cast<double>(as_long) >= busy_share * places;
}

std::optional<Blame> target_held_up(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const record::Accounting& a = phase.accounting;
    if (a.timed_out > 0 && a.timed_out * 100 >= a.sent) {
        return Blame{Culprit::target,
                     "the target stopped answering (" + format_count(a.timed_out) +
                         " timed out and held their connections; " + facts.symptom + ")",
                     {"Look at the target at the time of the timeouts; the charts of report.html "
                      "show when."}};
    }
    if (a.failed > 0 && a.failed * 100 >= a.sent) {
        return Blame{Culprit::target,
                     "the target dropped connections (" +
                         format_count(facts.run.generator.connections_lost) + " lost; " +
                         facts.symptom + ")",
                     {"Look at the target's limits and log; errors are listed by cause in the "
                      "report."}};
    }
    if (!connections_were_busy(facts)) return std::nullopt;
    const auto shown = [](std::uint64_t ns) {
        return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
    };
    return Blame{
        Culprit::target,
        "the target answered too slowly: all " + format_count(facts.plan.connections) +
            " connections were busy (" + facts.symptom + "; service p99 " +
            shown(phase.service.percentile_ns(0.99)) + ", max " + shown(phase.service.max_ns()) +
            ")",
        {"Raise --connections or --pipeline if it should take more at once. Otherwise this "
         "is more than it can answer: l" +
         lower_rate(facts).substr(1) + "."}};
}

}  // namespace

Blame blame_for(const record::RunResult& run, const scenario::Plan& plan,
                const std::vector<Shortfall>& shortfalls) {
    const Facts facts{run, plan, shortfalls.front(), symptom_of(shortfalls)};
    for (const auto explains : {exhausted, not_connected, generator_short_of_cpu, woken_late,
                                packets_lost, target_held_up}) {
        if (auto blame = explains(facts)) return *std::move(blame);
    }
    // Nothing held the requests up but the generator itself, whose waits were too few to show.
    return woken_late_by(facts, wake_lag_of(run));
}

}  // namespace qck::report
