#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "loadgen/record/run_result.hpp"

namespace qck::commands {

/// What an embedded service had of its CPUs while a run was on: says which side of one machine was
/// at its limit.
class ServiceLoad {
public:
    /// From now on. `cpus`: how many the service may use.
    ServiceLoad(pid_t service, std::size_t cpus);

    /// `The embedded service used 97 % of its 1 CPU, the generator 61 % of its 1.` To be asked
    /// while the service still runs; empty when it cannot be said. `generator_cpus`: how many the
    /// generator may use.
    std::string note(const record::RunResult& run, std::size_t generator_cpus) const;

private:
    pid_t service_;
    std::size_t cpus_;
    std::chrono::nanoseconds cpu_before_;
    std::int64_t begun_ns_;
};

}  // namespace qck::commands
