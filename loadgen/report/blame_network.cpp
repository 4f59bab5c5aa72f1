#include "loadgen/report/blame_causes.hpp"

#include "base/units.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::report::blame {
namespace {

/// Segments sent again, over requests sent: TCP then waits 200 ms at a time.
constexpr double retransmit_share_much = 0.01;
/// Packets that an interface dropped or took for broken, over all of its packets.
constexpr double dropped_share_much = 0.01;
/// What a target says of its idle times may be longer by this (services/redirect/arrival_log.hpp).
constexpr std::chrono::milliseconds idle_error{20};
/// An idle time in which so many requests were due is none that comes by chance.
constexpr double due_beyond_chance = 20;
/// A link this full in its busiest fifth of a second has a queue before it.
constexpr double link_share_full = 0.95;

/// `eth0`, and of a fleet whose.
std::string name_of(const record::InterfaceUse& use) {
    return use.name + (use.agent.empty() ? "" : " of " + use.agent);
}

/// Requests of the worst phase that were due in [from, to). While users still come, nothing is said
/// of it.
double due_within(const Facts& facts, std::chrono::nanoseconds from, std::chrono::nanoseconds to) {
    const record::PhaseResult& phase = *facts.worst.phase;
    if (facts.run.closed_loop) return 0;
    if (!facts.plan.users) {
        return scenario::requests_until(facts.plan, to) -
               scenario::requests_until(facts.plan, from);
    }
    if (&phase == &facts.run.phases.front()) return 0;
    return phase.target_rate_per_s * std::chrono::duration<double>(to - from).count();
}

/// How long the worst of the requests were late, or their answers.
std::chrono::nanoseconds delay_of(const Facts& facts) {
    if (facts.worst.late) return std::chrono::nanoseconds(facts.worst.lag_ns);
    const record::PhaseResult& phase = *facts.worst.phase;
    return phase.accounting.timed_out > 0 ? facts.plan.timeout : phase.overtime;
}

}  // namespace

std::optional<Blame> interface_full(const Facts& facts) {
    for (const record::InterfaceUse& use : facts.run.generator.interfaces) {
        if (use.busiest_share < link_share_full) continue;
        return Blame{Culprit::network,
                     "the network interface " + name_of(use) + " was full (" +
                         percent(use.busiest_share) + " of its " +
                         format_rate(use.speed_per_s / 1e9) + " Gbit/s; " + facts.symptom + ")",
                     {"Offer the load from more machines by --agents, or over a faster link; or l" +
                      lower_rate(facts).substr(1) + "."}};
    }
    return std::nullopt;
}

std::optional<Blame> interface_dropped(const Facts& facts) {
    for (const record::InterfaceUse& use : facts.run.generator.interfaces) {
        const std::uint64_t lost = use.dropped + use.errors;
        if (lost < 10 || static_cast<double>(lost) <
                             dropped_share_much * static_cast<double>(use.packets + lost)) {
            continue;
        }
        return Blame{Culprit::network,
                     "the network interface " + name_of(use) + " lost packets (" +
                         format_count(use.dropped) + " dropped and " + format_count(use.errors) +
                         " broken, of " + format_count(use.packets) + "; " + facts.symptom + ")",
                     {"Look at its driver, its rings (ethtool -g) and its cable, or l" +
                      lower_rate(facts).substr(1) + "."}};
    }
    return std::nullopt;
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

/// By the target's own account nothing came for half as long as requests were late, or their
/// answers, while it had nothing else to do and was on time.
std::optional<Blame> not_arrived(const Facts& facts) {
    const auto seen = arrivals_of(facts);
    if (!seen) return std::nullopt;
    const auto idle = seen->idle_max - seen->late_max - idle_error;
    const auto delay = delay_of(facts);
    if (idle.count() <= 0 || delay.count() <= 0 || 2 * idle < delay) return std::nullopt;
    if (due_within(facts, seen->idle_end - idle, seen->idle_end) < due_beyond_chance) {
        return std::nullopt;
    }
    // What was sent in time is not the generator's fault.
    if (facts.worst.late && stood_still(facts, idle)) return woken_late_by(facts);
    return Blame{Culprit::network,
                 "requests did not get to the target (" + facts.symptom + "; it says that for " +
                     format_duration(seen->idle_max) +
                     " none came and none was open, and that it was itself at most " +
                     format_duration(seen->late_max) + " late)",
                 {"Look at what stands between generator and target: links, firewalls, proxies."}};
}

}  // namespace qck::report::blame
