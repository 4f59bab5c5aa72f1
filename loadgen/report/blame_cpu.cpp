#include "loadgen/report/blame_causes.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace qck::report::blame {
namespace {

/// A thread this busy in its busiest second had no room to be on time.
constexpr double cpu_share_full = 0.9;
/// Above this the hypervisor's share alone explains milliseconds of lag, and requests not sent.
constexpr double steal_share_much = 0.05;
/// One request of a hundred is late when a hundredth of the time is not the generator's.
constexpr double taken_share_late = 0.01;
/// Other processes with less of the CPUs than this are nobody's other load.
constexpr double others_share_much = 0.05;
/// Ready to run but not run for half of the time, it read the answers late and sent late, so that
/// what it measured says nothing of the target.
constexpr double kept_waiting_throughout = 0.5;
/// So much of it is enough in a run whose busiest second left the generator no other time.
constexpr double kept_waiting_much = 0.2;
/// The event loop is expected back from a wait within this, 99 times of 100.
constexpr std::uint64_t wake_lag_p99_max_ns = 1'000'000;

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

stats::Histogram wake_lag_of(const record::RunResult& run) {
    stats::Histogram sum;
    for (const record::ThreadResult& thread : run.generator.threads) sum.add(thread.wake_lag);
    return sum;
}

}  // namespace

/// The CPUs had by others while all was sent and answered, only late, or for the greater part of
/// the phase. It makes a target beside the generator late as well, and answers that wait to be read
/// look like a slow target: so it is asked before the target is. Only a generator that used its
/// CPUs to the full has itself to blame.
std::optional<Blame> cpus_taken(const Facts& facts) {
    const Shortfall& worst = facts.worst;
    const record::PhaseResult& phase = *worst.phase;
    const record::CpuShares shares = record::shares_of(facts.run.generator.cpu_stretches,
                                                       phase.start, phase.start + phase.duration);
    const auto others_had_them = [&] {
        return Blame{Culprit::generator,
                     "other load on this machine kept the generator from its CPUs (" +
                         facts.symptom + "; other processes had " + percent(shares.others) +
                         " of the CPUs in " + phase.name + ", and it waited for one " +
                         percent(shares.kept_waiting) + " of the time)",
                     {"Stop what else runs here, or give the generator cores of its own (--pin)."}};
    };
    if (!worst.late || facts.run.generator.cpu_share_max >= cpu_share_full) return std::nullopt;
    // Threads and agents that share a CPU wait for each other, too.
    const double for_others = std::min(shares.kept_waiting, shares.others * shares.cpus);
    // It ran, or wanted to, all the time.
    const bool never_idle = facts.run.generator.cpu_share_max + for_others >= cpu_share_full &&
                            for_others >= kept_waiting_much;
    if (shares.others >= others_share_much &&
        (for_others >= kept_waiting_throughout || never_idle) && !timed_out_much(facts)) {
        return others_had_them();
    }
    if (worst.slow || worst.unanswered || phase.accounting.timed_out > 0 ||
        busy_throughout(facts)) {
        return std::nullopt;
    }
    if (explains_lag(facts, shares.stolen, &record::CpuStretch::stolen_most)) {
        return Blame{Culprit::generator,
                     "the generator's CPUs were taken from it (" + facts.symptom + "; steal " +
                         percent(shares.stolen) + " in " + phase.name + ")",
                     {"Run it again on a machine that is not shared, or at a quieter time."}};
    }
    if (shares.others >= others_share_much &&
        explains_lag(facts, shares.kept_waiting, &record::CpuStretch::kept_waiting)) {
        return others_had_them();
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

bool stood_still(const Facts& facts, std::chrono::nanoseconds length) {
    const record::PhaseResult& phase = *facts.worst.phase;
    const auto waited = record::most_within(facts.run.generator.cpu_stretches, phase.start,
                                            phase.start + phase.duration, length,
                                            &record::CpuStretch::kept_waiting);
    const std::chrono::nanoseconds woken_late(
        static_cast<std::int64_t>(wake_lag_of(facts.run).max_ns()));
    return 2 * std::max(waited, woken_late) >= length;
}

Blame woken_late_by(const Facts& facts) {
    const stats::Histogram wake_lag = wake_lag_of(facts.run);
    const auto shown = [](std::uint64_t ns) {
        return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
    };
    return {Culprit::generator,
            "the generator's threads were woken late (" + facts.symptom + "; event loop lag p99 " +
                shown(wake_lag.percentile_ns(0.99)) + ", max " + shown(wake_lag.max_ns()) + ")",
            {facts.run.generator.shares_with_target
                 ? "It shares its CPUs with the service: start that on another machine (--target)."
                 : "Leave it cores of its own (--pin, fewer --threads), or l" +
                       lower_rate(facts).substr(1) + "."}};
}

std::optional<Blame> woken_late(const Facts& facts) {
    const stats::Histogram wake_lag = wake_lag_of(facts.run);
    if (wake_lag.percentile_ns(0.99) <= wake_lag_p99_max_ns) return std::nullopt;
    // Threads that are woken 2 ms late do not send a second late, nor keep a target from answering.
    const bool as_late = wake_lag.max_ns() * 2 >= static_cast<std::uint64_t>(facts.worst.lag_ns);
    if (!facts.worst.late || !as_late || facts.worst.unanswered || timed_out_much(facts)) {
        return std::nullopt;
    }
    return woken_late_by(facts);
}

}  // namespace qck::report::blame
