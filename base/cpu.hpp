#pragma once

#include <sys/types.h>

#include <chrono>
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

/// name_thread(), then pin_thread() unless `cpu` is -1; a refusal is logged (`not_pinned`) and
/// nothing else: the thread works anywhere.
void begin_thread(const char* name, int cpu);

/// The calling thread gives way to those that answer requests: it gets a tenth of their share of a
/// CPU that they fight for, and does not interrupt them when it wakes.
void give_way();

/// Tells the processor that the thread waits in a loop: on x86-64 some 10 to 50 ns of little power.
inline void relax_cpu() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// CPU time of the calling thread so far, nanoseconds.
std::int64_t thread_cpu_ns();

/// CPU time of a process so far; 0 when there is none of that id.
std::chrono::nanoseconds cpu_time_of(pid_t process);

/// What became of the time of one CPU since the machine started.
struct CpuTime {
    int cpu = 0;
    std::chrono::nanoseconds busy{};    ///< processes and interrupts
    std::chrono::nanoseconds stolen{};  ///< taken by the hypervisor while somebody wanted it
};
/// Of every CPU that is online, ascending, from /proc/stat: whole ticks, mostly of 10 ms. Empty
/// when it cannot be read.
std::vector<CpuTime> cpu_times();

}  // namespace qck
