#include "loadgen/report/blame_causes.hpp"

#include "base/units.hpp"

namespace qck::report::blame {
namespace {

using record::Cause;

}  // namespace

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

}  // namespace qck::report::blame
