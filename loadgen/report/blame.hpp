#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loadgen/record/run_result.hpp"
#include "loadgen/report/verdict.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::report {

/// A phase that was not offered as planned.
struct Shortfall {
    const record::PhaseResult* phase = nullptr;
    bool slow = false;        ///< sent too little
    double sent = 1;          ///< over planned; in a closed loop always 1
    bool unanswered = false;  ///< answered too little of what was sent, or too slowly
    double answered = 1;      ///< achieved rate over planned; in a closed loop answered over sent
    bool behind = false;      ///< unanswered, and the answers took longer than the phase
    bool late = false;        ///< sent too late
    /// The send lag's p99, or what stands for it in a phase of few requests (has_p99).
    std::int64_t lag_ns = 0;
};

struct Blame {
    Culprit culprit = Culprit::none;
    std::string reason;
    std::vector<std::string> advice;
    bool slow = false;  ///< a target that answers, but too slowly: want of CPUs makes one so
};

/// Why the run fell short, by what its evidence says first: agents that were lost, resources of the
/// generator that ran out, connections that could not be made, a full link, CPUs taken by the
/// hypervisor or by other processes (when all was sent and answered but late, or the generator was
/// kept from them for much of the time), threads woken as late as requests were sent, packets lost,
/// requests that by the target's own account did not get to it, a target that kept every connection
/// for as long, the generator's CPU, a target that lost or kept the connections; and when nothing
/// of that is to be seen, again the generator, which then was not run when it should have been.
/// What was sent in time and not answered is never the generator's fault.
/// `shortfalls` is not empty, and its worst comes first. Pure.
Blame blame_for(const record::RunResult& run, const scenario::Plan& plan,
                const std::vector<Shortfall>& shortfalls);

}  // namespace qck::report
