#pragma once

#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::test {

/// The viral burst at 1:64, compressed ten times: 156k/s for 1 s, and so on.
scenario::Plan small_burst();

/// What a good run of `plan` measures: every request sent within 40 µs and answered 302 within
/// about a tenth of a millisecond. Always the same figures.
record::RunResult good_run(const scenario::Plan& plan);

/// The same, but `count` requests of the phase were lost for that cause.
void fail_some(record::RunResult& run, std::size_t phase, record::Cause cause, std::uint64_t count);
/// The same, but `count` requests of the phase timed out.
void time_out_some(record::RunResult& run, std::size_t phase, std::uint64_t count);
/// The same, but `count` requests of the phase were never sent.
void unsend_some(record::RunResult& run, std::size_t phase, record::Cause cause,
                 std::uint64_t count);
/// The same, but every hundredth request of the phase and one more were sent that late.
void lag(record::RunResult& run, std::size_t phase, std::chrono::nanoseconds by);

/// The same, but so many connects failed for that cause.
void connects_failed(record::RunResult& run, record::Cause cause, std::uint64_t times);
/// The same, but others had so much of the machine's two CPUs while the phase was on. What was
/// stolen was taken from one of them.
void take_cpus(record::RunResult& run, std::size_t phase, const record::CpuShares& shares);

}  // namespace qck::test
