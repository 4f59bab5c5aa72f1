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
/// Above this the hypervisor's share alone explains milliseconds of lag, and requests not sent.
constexpr double steal_share_much = 0.05;
/// One request of a hundred is late when a hundredth of the time is not the generator's.
constexpr double taken_share_late = 0.01;
/// Other processes with less of the CPUs than this are nobody's other load.
constexpr double others_share_much = 0.05;
/// With this much less of the CPUs a target beside the generator may well be slow.
constexpr double lost_to_target = 0.25;
/// The event loop is expected back from a wait within this, 99 times of 100.
constexpr std::uint64_t wake_lag_p99_max_ns = 1'000'000;
/// Segments sent again, over requests sent: TCP then waits 200 ms at a time.
constexpr double retransmit_share_much = 0.01;
/// A target can be told from a busy generator by its service times where requests lagged this much.
constexpr std::int64_t stall_min_ns = 10'000'000;
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
    const auto only = [](double share, const char* of_what) {
        char text[32];
        std::snprintf(text, sizeof text, "only %.1f %%", std::floor(share * 1000) / 10);
        return text + std::string(of_what);
    };
    if (worst.slow) {
        text = only(worst.sent, " of the target rate was sent");
    } else if (worst.unanswered) {
        const bool closed_loop = !(worst.phase->target_rate_per_s > 0);
        text = worst.phase->accounting.answered == 0 ? "nothing was answered"
               : closed_loop ? only(worst.answered, " of what was sent was answered")
                             : only(worst.answered, " of the target rate was answered");
    }
    if (worst.late) {
        if (!text.empty()) text += ", ";
        const std::string lag = format_duration(std::chrono::nanoseconds(worst.lag_ns));
        text += has_p99(*worst.phase) ? "send lag p99 " + lag
                                      : "of " + format_count(worst.phase->accounting.sent) +
                                            " requests two or more sent " + lag + " late";
    }
    text += " in " + worst.phase->name;
    if (const std::size_t more = shortfalls.size() - 1; more > 0) {
        text += " and " + std::to_string(more) + (more == 1 ? " more phase" : " more phases");
    }
    return text;
}

/// Down to two digits: what is tried next need be no more exact.
double two_digits_of(double value) {
    const double unit = std::pow(10, std::floor(std::log10(value)) - 1);
    return std::floor(value / unit) * unit;
}

/// The plan's lever as it should hold: at three quarters of what the worst phase sent, carried over
/// to the peak. Users have a rate each, so there are to be fewer of them.
std::string lower_rate(const Facts& facts) {
    const bool users = facts.plan.users.has_value();
    const scenario::Lever& lever = facts.plan.lever;
    const std::string lower = "Lower " + (users ? std::string("--users") : lever.name);
    const record::PhaseResult& phase = *facts.worst.phase;
    const double sent = phase.sent_rate_per_s();
    if (!(sent > 0) || !(phase.target_rate_per_s > 0)) return lower;
    const double kept = facts.worst.behind ? std::min(sent, phase.achieved_rate_per_s()) : sent;
    const double share = 0.75 * kept / phase.target_rate_per_s;
    if (users) {
        const double count = two_digits_of(share * facts.plan.users->count());
        return lower + " to " + format_count(static_cast<std::uint64_t>(std::max(count, 1.0)));
    }
    if (lever.at_peak > 0) {
        char text[32];
        std::snprintf(text, sizeof text, "%.10g", two_digits_of(share * lever.at_peak));
        return lower + " to " + text;
    }
    double peak = 0;
    for (const auto& each : facts.run.phases) peak = std::max(peak, each.target_rate_per_s);
    return lower + " to " + format_rate(std::max(two_digits_of(share * peak), 1e-3));
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
                     {facts.plan.users ? "Name more of this machine's addresses by "
                                         "--local-address, or widen net.ipv4.ip_local_port_range."
                                       : "Lower new_connections_per_s or --connections, or widen "
                                         "net.ipv4.ip_local_port_range."}};
    }
    if (const auto sockets = connect_failures(facts, {Cause::no_descriptors}); sockets > 0) {
        return Blame{Culprit::generator,
                     "the generator ran out of file descriptors or socket memory (" +
                         format_count(sockets) + " connects failed; " + facts.symptom + ")",
                     {"Raise the limit (ulimit -n), or lower " +
                      std::string(facts.plan.users ? "--users." : "--connections.")}};
    }
    return std::nullopt;
}

/// What lost agents left undone is all that is missing, or most of it.
std::optional<Blame> agents_lost(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const std::uint64_t gap = phase.unsent_by[static_cast<std::size_t>(Cause::agent_lost)];
    const std::uint64_t unanswered = phase.accounting.scheduled - phase.accounting.answered;
    if (gap == 0 || gap * 2 < unanswered) return std::nullopt;
    std::string names;
    for (const record::AgentResult& agent : facts.run.agents) {
        if (agent.lost) names += (names.empty() ? "" : ", ") + agent.name;
    }
    return Blame{Culprit::generator,
                 "agent " + names + " was lost (" + format_count(gap) +
                     " requests are not known to have been sent; " + facts.symptom + ")",
                 {"The others took the rest of its requests over. See why it ended, and run it "
                  "again."}};
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

/// A target that is silent until the timeout; nothing that the generator lacks makes it so.
bool timed_out_much(const Facts& facts) {
    const record::Accounting& a = facts.worst.phase->accounting;
    return a.timed_out > 0 && a.timed_out * 100 >= a.sent;
}

double places(const Facts& facts) {
    return static_cast<double>(facts.plan.connections) * facts.plan.pipeline;
}

/// As many requests as the connections have places took as long as others waited to be sent.
bool all_places_stalled(const Facts& facts) {
    std::uint64_t as_long = facts.worst.phase->accounting.timed_out;
    facts.worst.phase->service.for_each([&](std::uint64_t top_ns, std::uint64_t count) {
        if (top_ns * 2 >= static_cast<std::uint64_t>(facts.worst.lag_ns)) as_long += count;
    });
    return static_cast<double>(as_long) >= busy_share * places(facts);
}

/// All connections in use over the whole phase, by Little's law, or requests that never got one.
bool busy_throughout(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const auto no_free = static_cast<std::size_t>(Cause::no_free_connection);
    const double in_use = phase.sent_rate_per_s() * phase.service.mean_ns() / 1e9;
    return phase.unsent_by[no_free] > 0 || in_use >= busy_share * places(facts);
}

/// A part of the CPUs' time that explains how late the phase was: a hundredth of it or more, and in
/// one piece of the run at least half as long as requests were late.
bool explains_lag(const Facts& facts, double share,
                  std::chrono::nanoseconds record::CpuStretch::*what) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const std::chrono::nanoseconds lag(facts.worst.lag_ns);
    return share >= taken_share_late &&
           2 * record::most_within(facts.run.generator.cpu_stretches, phase.start,
                                   phase.start + phase.duration, lag, what) >=
               lag;
}

/// The CPUs had by others while all was sent and answered, only late. It makes a target beside the
/// generator late as well, and answers that wait to be read look like a slow target: so it is asked
/// before the target is. Only a generator that used its CPUs to the full has itself to blame.
std::optional<Blame> cpus_taken(const Facts& facts) {
    const Shortfall& worst = facts.worst;
    if (!worst.late || worst.slow || worst.unanswered || worst.phase->accounting.timed_out > 0 ||
        busy_throughout(facts) || facts.run.generator.cpu_share_max >= cpu_share_full) {
        return std::nullopt;
    }
    const record::PhaseResult& phase = *worst.phase;
    const record::CpuShares shares = record::shares_of(facts.run.generator.cpu_stretches,
                                                       phase.start, phase.start + phase.duration);
    if (explains_lag(facts, shares.stolen, &record::CpuStretch::stolen_most)) {
        return Blame{Culprit::generator,
                     "the generator's CPUs were taken from it (" + facts.symptom + "; steal " +
                         percent(shares.stolen) + " in " + phase.name + ")",
                     {"Run it again on a machine that is not shared, or at a quieter time."}};
    }
    if (shares.others >= others_share_much &&
        explains_lag(facts, shares.kept_waiting, &record::CpuStretch::kept_waiting)) {
        return Blame{Culprit::generator,
                     "other load on this machine kept the generator from its CPUs (" +
                         facts.symptom + "; other processes had " + percent(shares.others) +
                         " of the CPUs in " + phase.name + ", and it waited for one " +
                         percent(shares.kept_waiting) + " of the time)",
                     {"Stop what else runs here, or give the generator cores of its own (--pin)."}};
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
    const record::PhaseResult& phase = *facts.worst.phase;
    const double steal = std::max(
        generator.steal_share,
        record::shares_of(generator.cpu_stretches, phase.start, phase.start + phase.duration)
            .stolen);
    if (steal >= steal_share_much && !timed_out_much(facts)) {
        return Blame{Culprit::generator,
                     "the generator's CPUs were taken from it (" + facts.symptom + "; steal " +
                         percent(steal) + ")",
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
    // Threads that are woken 2 ms late do not send a second late, nor keep a target from answering.
    const bool as_late = wake_lag.max_ns() * 2 >= static_cast<std::uint64_t>(facts.worst.lag_ns);
    if (!facts.worst.late || !as_late || facts.worst.unanswered || timed_out_much(facts)) {
        return std::nullopt;
    }
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

/// As many requests as were late took longer than their users had until their next ones.
bool users_were_held_up(const Facts& facts) {
    if (!facts.plan.users) return false;
    double rate_max = 0;
    for (const auto& group : facts.plan.users->groups)
        rate_max = std::max(rate_max, group.rate_per_s);
    const double period_ns = 1e9 / rate_max;
    return static_cast<double>(facts.worst.phase->service.percentile_ns(0.99)) >= period_ns;
}

/// Whether all connections can have been in use at once: by Little's law over the phase, or because
/// as many requests as there are places took as long as others waited, as when a target stalls.
bool connections_were_busy(const Facts& facts) {
    // A user has its own connection, and wants no other one.
    if (facts.plan.users) return false;
    return busy_throughout(facts) || all_places_stalled(facts);
}

std::optional<Blame> target_failed(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const record::Accounting& a = phase.accounting;
    const auto failed_by = [&](Cause cause) {
        return phase.failed_by[static_cast<std::size_t>(cause)];
    };
    const std::uint64_t held_up = a.timed_out + failed_by(Cause::behind_timeout);
    const std::uint64_t failed = a.failed - failed_by(Cause::behind_timeout);
    const auto much = [&](std::uint64_t count) {
        return count > 0 && (count * 100 >= a.sent || facts.worst.unanswered);
    };
    if (much(a.timed_out) && held_up >= failed) {
        return Blame{Culprit::target,
                     "the target stopped answering (" + format_count(a.timed_out) +
                         " timed out and held their connections; " + facts.symptom + ")",
                     {"Look at the target at the time of the timeouts; the charts of report.html "
                      "show when."}};
    }
    if (const auto garbage = failed_by(Cause::protocol); much(failed) && garbage * 2 > failed) {
        return Blame{Culprit::target,
                     "what came from the target was no HTTP answer (" + format_count(garbage) +
                         " times; " + facts.symptom + ")",
                     {"See that --target names an HTTP/1.1 server, with https:// where it wants "
                      "TLS."}};
    }
    if (much(failed)) {
        return Blame{Culprit::target,
                     "the target dropped connections (" +
                         format_count(facts.run.generator.connections_lost) + " lost; " +
                         facts.symptom + ")",
                     {"Look at the target's limits and log; errors are listed by cause in the "
                      "report."}};
    }
    return std::nullopt;
}

std::optional<Blame> target_held_up(const Facts& facts) {
    if (auto failed = target_failed(facts)) return failed;
    const record::PhaseResult& phase = *facts.worst.phase;
    const auto shown = [](std::uint64_t ns) {
        return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
    };
    if (users_were_held_up(facts)) {
        return Blame{
            Culprit::target,
            "the target answered too slowly: users still waited for an answer when they "
            "were to ask again (" +
                facts.symptom + "; service p99 " + shown(phase.service.percentile_ns(0.99)) +
                ", max " + shown(phase.service.max_ns()) + ")",
            {"This is more than it can answer. " + lower_rate(facts) + ", or their rates."}};
    }
    if (!connections_were_busy(facts)) return std::nullopt;
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

/// Everything was sent in time and most of it answered, but ever later.
Blame target_fell_behind(const Facts& facts) {
    const record::PhaseResult& phase = *facts.worst.phase;
    return {Culprit::target,
            "the target fell behind (" + facts.symptom + "; the answers to " +
                format_duration(phase.duration) + " of requests took " +
                format_duration(phase.duration + phase.overtime) + ")",
            {"This is more than it can answer: l" + lower_rate(facts).substr(1) + "."}};
}

/// A generator that is short of CPU reads answers late too, but by far less than it lags. Not so
/// where users wait for those answers: then its CPU tells.
std::optional<Blame> target_stalled(const Facts& facts) {
    if (facts.plan.users) return std::nullopt;
    if (!facts.worst.late || facts.worst.lag_ns < stall_min_ns) return std::nullopt;
    if (!all_places_stalled(facts)) return std::nullopt;
    return target_held_up(facts);
}

Blame first_blame(const Facts& facts) {
    if (!facts.worst.slow && !facts.worst.late) {
        for (const auto explains :
             {agents_lost, exhausted, not_connected, packets_lost, target_failed}) {
            if (auto blame = explains(facts)) return *std::move(blame);
        }
        if (facts.worst.behind) return target_fell_behind(facts);
        return {Culprit::target,
                "the target answered too little (" + facts.symptom + ")",
                {"Errors are listed by cause in the report."}};
    }
    for (const auto explains :
         {agents_lost, exhausted, not_connected, cpus_taken, woken_late, target_stalled,
          generator_short_of_cpu, packets_lost, target_held_up}) {
        if (auto blame = explains(facts)) return *std::move(blame);
    }
    // Nothing held the requests up but the generator itself, whose waits were too few to show.
    return woken_late_by(facts, wake_lag_of(facts.run));
}

/// A slow target that shares this machine with others may be slow for want of CPUs.
void excuse_target(const Facts& facts, Blame& blame) {
    if (blame.culprit != Culprit::target || !facts.run.generator.target_is_here) return;
    const record::PhaseResult& phase = *facts.worst.phase;
    const record::CpuShares shares = record::shares_of(facts.run.generator.cpu_stretches,
                                                       phase.start, phase.start + phase.duration);
    if (shares.others + shares.stolen < lost_to_target) return;
    blame.advice.push_back("It may be so for want of CPUs: others had " +
                           percent(shares.others + shares.stolen) + " of this machine's in " +
                           phase.name + ".");
}

}  // namespace

Blame blame_for(const record::RunResult& run, const scenario::Plan& plan,
                const std::vector<Shortfall>& shortfalls) {
    const Facts facts{run, plan, shortfalls.front(), symptom_of(shortfalls)};
    Blame blame = first_blame(facts);
    excuse_target(facts, blame);
    return blame;
}

}  // namespace qck::report
