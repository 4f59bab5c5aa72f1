#pragma once

#include "loadgen/record/run_result.hpp"
#include "loadgen/report/verdict.hpp"

namespace qck::report {

/// Above this share of answers that the plan did not ask for, the median latency is that of
/// refusals: the run shows nothing of what was to be measured.
inline constexpr double unexpected_share_max = 0.5;

/// Whether more than unexpected_share_max of the run's answers were such.
bool mostly_unexpected(const record::RunResult& run);

/// Adds what there is to say of answers that the plan did not ask for: a reason, laid to the
/// target, and what to do where they are most of them; else a note. Pure.
void judge_answers(const record::RunResult& run, Verdict& verdict);

}  // namespace qck::report
