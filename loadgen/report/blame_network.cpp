#include "loadgen/report/blame_causes.hpp"

#include "base/units.hpp"

namespace qck::report::blame {
namespace {

/// Segments sent again, over requests sent: TCP then waits 200 ms at a time.
constexpr double retransmit_share_much = 0.01;
/// Packets that an interface dropped or took for broken, over all of its packets.
constexpr double dropped_share_much = 0.01;
/// A link this full in its busiest fifth of a second has a queue before it.
constexpr double link_share_full = 0.95;

/// `eth0`, and of a fleet whose.
std::string name_of(const record::InterfaceUse& use) {
    return use.name + (use.agent.empty() ? "" : " of " + use.agent);
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

}  // namespace qck::report::blame
