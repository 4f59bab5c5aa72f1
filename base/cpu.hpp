#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace qck {

/// CPUs that this process may run on, ascending.
std::vector<int> allowed_cpus();

/// CPU numbers from `0`, `0,2` or `0-3,6`; fails on anything else and on CPUs this process may not
/// use.
Result<std::vector<int>> parse_cpu_list(std::string_view text);

/// Puts the calling thread on one CPU.
Result<void> pin_thread(int cpu);

/// At most 15 bytes; shown by ps, top and perf.
void name_thread(const char* name);

/// The calling thread gives way to those that answer requests: it gets a tenth of their share of a
/// CPU that they fight for, and does not interrupt them when it wakes.
void give_way();

/// CPU time of the calling thread so far, nanoseconds.
std::int64_t thread_cpu_ns();

/// Share of CPU time that the hypervisor took since `since`, 0..1 over all CPUs; from /proc/stat.
struct StealSample {
    std::uint64_t steal = 0;
    std::uint64_t total = 0;
};
StealSample steal_sample();
double steal_share(const StealSample& since, const StealSample& until);

}  // namespace qck
