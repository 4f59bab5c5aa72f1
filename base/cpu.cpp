#include "base/cpu.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

#include "base/log.hpp"

namespace qck {
namespace {

Error not_cpus(std::string_view text) {
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not a list of CPUs (try 0 or 0,2 or 0-3)");
}

/// One `N` or `N-M`; empty when it is neither.
std::vector<int> parse_cpu_range(std::string_view part) {
    int first = 0;
    const char* const end = part.data() + part.size();
    auto [at, failure] = std::from_chars(part.data(), end, first);
    if (failure != std::errc{} || first < 0 || first >= CPU_SETSIZE) return {};
    int last = first;
    if (at != end) {
        if (*at != '-') return {};
        const auto second = std::from_chars(at + 1, end, last);
        if (second.ec != std::errc{} || second.ptr != end || last < first || last >= CPU_SETSIZE)
            return {};
    }
    std::vector<int> cpus;
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    return cpus;
}

}  // namespace

std::vector<int> allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
    return cpus;
}

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
    const std::vector<int> allowed = allowed_cpus();
    std::vector<int> cpus;
    for (std::string_view rest = text;;) {
        const auto comma = rest.find(',');
        const std::vector<int> range = parse_cpu_range(rest.substr(0, comma));
        if (range.empty()) return not_cpus(text);
        for (const int cpu : range) {
            if (std::find(allowed.begin(), allowed.end(), cpu) == allowed.end()) {
                return error(Errc::invalid_argument, "CPU " + std::to_string(cpu) +
                                                         " is not one that this process may use");
            }
            cpus.push_back(cpu);
        }
        if (comma == std::string_view::npos) return cpus;
        rest.remove_prefix(comma + 1);
    }
}

Result<void> pin_thread(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    const int failure = ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
    if (failure != 0) return io_error("cannot pin a thread to CPU " + std::to_string(cpu), failure);
    return {};
}

void name_thread(const char* name) { ::pthread_setname_np(::pthread_self(), name); }

void begin_thread(const char* name, int cpu) {
    name_thread(name);
    if (cpu < 0) return;
    if (const auto pinned = pin_thread(cpu); !pinned) {
        log::warn("not_pinned", {{"thread", name}, {"why", pinned.error().message}});
    }
}

void give_way() {
    // Batch threads do not preempt; both may be refused, and then nothing is lost but this.
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_BATCH, &none);
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
}

std::int64_t thread_cpu_ns() {
    timespec at{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<std::int64_t>(at.tv_sec) * 1'000'000'000 + at.tv_nsec;
}

std::chrono::nanoseconds cpu_time_of(pid_t process) {
    clockid_t clock{};
    timespec at{};
    if (process <= 0 || ::clock_getcpuclockid(process, &clock) != 0 ||
        ::clock_gettime(clock, &at) != 0) {
        return {};
    }
    return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
}

std::vector<CpuTime> cpu_times() {
    const long ticks_per_s = std::max(::sysconf(_SC_CLK_TCK), 1L);
    const auto span = [&](std::uint64_t ticks) {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(
            ticks * (1'000'000'000 / static_cast<unsigned>(ticks_per_s))));
    };
    std::vector<CpuTime> times;
    std::ifstream file("/proc/stat");
    for (std::string line; std::getline(file, line) && line.starts_with("cpu");) {
        if (line.size() < 4 || line[3] == ' ') continue;  // their sum
        std::istringstream words(line.substr(3));
        CpuTime time;
        words >> time.cpu;
        std::array<std::uint64_t, 8> ticks{};  // user nice system idle iowait irq softirq steal
        for (auto& value : ticks) words >> value;
        if (!words) return {};
        time.busy = span(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]);
        time.stolen = span(ticks[7]);
        times.push_back(time);
    }
    return times;
}

}  // namespace qck
