#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::report {

enum class Status : std::uint8_t {
    valid,        ///< the run measured the target, and its figures mean what they say
    invalid,      ///< it did not: the reasons say why
    interrupted,  ///< stopped early; what ran is reported, and stands for no more than that
};
/// `VALID`, `INVALID`, `INTERRUPTED`.
std::string_view to_string(Status status);

/// Where a shortfall comes from.
enum class Culprit : std::uint8_t { none, generator, network, target };
/// `generator`, …; `none` is empty.
std::string_view to_string(Culprit culprit);

/// What to make of a run.
struct Verdict {
    Status status = Status::valid;
    Culprit culprit = Culprit::none;  ///< of the first reason
    /// Each a clause without a full stop: "the generator could not keep time (…)". The worst first.
    std::vector<std::string> reasons;
    /// Each a sentence that says what to do.
    std::vector<std::string> advice;
    /// What was looked at and not held against the run, each a sentence.
    std::vector<std::string> notes;
};

/// Achieved (answered) over target, in every phase; in a closed loop, answered over sent.
inline constexpr double achieved_share_min = 0.99;
/// The send lag's p99 is at most this, or `send_lag_share_max` of the phase's latency p99.
inline constexpr std::chrono::nanoseconds send_lag_max = std::chrono::milliseconds(1);
inline constexpr double send_lag_share_max = 0.1;
/// A phase of fewer requests has no p99: one in a hundred is less than one of them. There one
/// request may be sent late, whatever its lag, and the second latest is judged. A note says so.
inline constexpr std::uint64_t requests_for_p99 = 100;

/// Judges a run (DESIGN section 4): its accounting closes, of each phase's target at least 99 % was
/// sent and answered, the send lag stayed small, connections were renewed as often as asked for,
/// and half of the answers or more were such as the plan asks for (answers.hpp). Closed-loop runs
/// have neither target nor due times: of what they sent 99 % has to be answered. What failed is
/// laid to the generator, the network or the target from the evidence in `run`. Pure.
Verdict judge(const record::RunResult& run, const scenario::Plan& plan);

/// Whether so many were sent that a hundredth of them is one.
bool has_p99(const record::PhaseResult& phase);

/// New connections per second while the load ran, beside Plan::new_connections_per_s.
double renewed_per_s(const record::RunResult& run, const scenario::Plan& plan);

}  // namespace qck::report
