#include "loadgen/report/blame.hpp"

#include "loadgen/report/blame_causes.hpp"

namespace qck::report {
namespace blame {
namespace {

/// With this much less of the CPUs a target beside the generator may well be slow.
constexpr double lost_to_target = 0.25;

Blame first_blame(const Facts& facts) {
    if (!facts.worst.slow && !facts.worst.late) {
        for (const auto explains : {agents_lost, exhausted, not_connected, interface_full,
                                    interface_dropped, packets_lost, not_arrived, target_failed}) {
            if (auto blame = explains(facts)) return *std::move(blame);
        }
        if (facts.worst.behind) return target_fell_behind(facts);
        return {Culprit::target,
                "the target answered too little (" + facts.symptom + ")",
                {"Errors are listed by cause in the report."}};
    }
    for (const auto explains : {agents_lost, exhausted, not_connected, interface_full, cpus_taken,
                                woken_late, interface_dropped, packets_lost, not_arrived,
                                target_stalled, generator_short_of_cpu, target_held_up}) {
        if (auto blame = explains(facts)) return *std::move(blame);
    }
    // Nothing held the requests up but the generator itself, whose waits were too few to show.
    return woken_late_by(facts);
}

/// A slow target that shares this machine with others may be slow for want of CPUs.
void excuse_target(const Facts& facts, Blame& blame) {
    if (!blame.slow || !facts.run.generator.target_is_here) return;
    const record::PhaseResult& phase = *facts.worst.phase;
    const record::CpuShares shares = record::shares_of(facts.run.generator.cpu_stretches,
                                                       phase.start, phase.start + phase.duration);
    if (shares.others + shares.stolen < lost_to_target) return;
    blame.advice.push_back("It may be so for want of CPUs: others had " +
                           percent(shares.others + shares.stolen) + " of this machine's in " +
                           phase.name + ".");
}

}  // namespace
}  // namespace blame

Blame blame_for(const record::RunResult& run, const scenario::Plan& plan,
                const std::vector<Shortfall>& shortfalls) {
    const blame::Facts facts{run, plan, shortfalls.front(), blame::symptom_of(shortfalls)};
    Blame found = blame::first_blame(facts);
    blame::excuse_target(facts, found);
    return found;
}

}  // namespace qck::report
