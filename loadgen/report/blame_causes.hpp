#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/record/run_result.hpp"
#include "loadgen/report/blame.hpp"
#include "loadgen/scenario/plan.hpp"

/// The causes that blame_for() asks one after another, and what they look at. Each says what it
/// found, or nothing. All are pure.
namespace qck::report::blame {

struct Facts {
    const record::RunResult& run;
    const scenario::Plan& plan;
    const Shortfall& worst;
    std::string symptom;  ///< "send lag p99 38 ms in peak"
};

// blame_facts.cpp: what several causes ask.

/// `12 %`.
std::string percent(double share);
/// `send lag p99 38 ms in peak and 1 more phase`.
std::string symptom_of(const std::vector<Shortfall>& shortfalls);
/// `Lower --rate to 110k`: the plan's lever as it should hold.
std::string lower_rate(const Facts& facts);
std::uint64_t connect_failures(const Facts& facts, std::initializer_list<record::Cause> causes);
bool timeouts_tell(const Facts& facts);
bool timed_out_much(const Facts& facts);
bool all_places_stalled(const Facts& facts);
bool busy_throughout(const Facts& facts);
/// What the target itself says of the worst phase; nothing where it says nothing.
std::optional<record::ArrivalSum> arrivals_of(const Facts& facts);

// blame_resources.cpp: what the generator ran out of.
std::optional<Blame> agents_lost(const Facts& facts);
std::optional<Blame> exhausted(const Facts& facts);

// blame_cpu.cpp: when the generator ran, and when it did not.
std::optional<Blame> cpus_taken(const Facts& facts);
std::optional<Blame> generator_short_of_cpu(const Facts& facts);
std::optional<Blame> woken_late(const Facts& facts);
/// In the worst phase a thread was kept from a CPU so long, or at some time of the run its event
/// loop came back from a wait so late, that it explains a standstill of that length.
bool stood_still(const Facts& facts, std::chrono::nanoseconds length);
/// By itself, as when nothing else is to be seen.
Blame woken_late_by(const Facts& facts);

// blame_network.cpp: what stood between.
std::optional<Blame> interface_full(const Facts& facts);
std::optional<Blame> interface_dropped(const Facts& facts);
std::optional<Blame> packets_lost(const Facts& facts);
std::optional<Blame> not_arrived(const Facts& facts);

// blame_target.cpp: what the target did.
std::optional<Blame> not_connected(const Facts& facts);
std::optional<Blame> target_failed(const Facts& facts);
std::optional<Blame> target_held_up(const Facts& facts);
std::optional<Blame> target_stalled(const Facts& facts);
Blame target_fell_behind(const Facts& facts);

}  // namespace qck::report::blame
