#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/cpu.hpp"
#include "loadgen/record/cpu_use.hpp"

namespace qck::engine {

/// Sees from outside, by /proc, who has the CPUs while the load runs: the hypervisor, other
/// processes, or this one.
///
/// A look reads a few small files, on the thread that looks and not on one that offers load. What
/// cannot be read (another system, a container without /proc) is zero. One thread, but for
/// thread_started().
class CpuWatch {
public:
    struct Config {
        /// What to look at; empty: every CPU of the machine.
        std::vector<int> cpus;
        /// Processes whose CPU time is no other's either: the embedded service, agents that were
        /// started here.
        std::vector<pid_t> ours;
        std::size_t threads = 0;
        /// Least time from one look to the next.
        std::chrono::nanoseconds every{};
    };
    explicit CpuWatch(Config config);

    /// Called by each thread that offers load, for itself.
    void thread_started(std::size_t index, pid_t thread) { threads_[index].id.store(thread); }

    /// Looks when it is time; the first time at once. `at` is from the start of the run.
    void look(std::chrono::nanoseconds at);
    /// Looks a last time.
    void end(std::chrono::nanoseconds at);
    const std::vector<record::CpuStretch>& stretches() const { return stretches_; }

private:
    struct Thread {
        std::atomic<pid_t> id{0};
        std::chrono::nanoseconds waited{};  ///< for a CPU, since it began
    };
    struct Sample {
        std::chrono::nanoseconds at{};
        std::vector<CpuTime> cpus;
        std::chrono::nanoseconds ours{};  ///< CPU time of this process and Config::ours
    };

    Sample sample(std::chrono::nanoseconds at) const;
    void take(std::chrono::nanoseconds at);
    std::chrono::nanoseconds waited_most();

    Config config_;
    std::deque<Thread> threads_;
    bool begun_ = false;
    Sample last_;
    std::vector<record::CpuStretch> stretches_;
};

}  // namespace qck::engine
