#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/commands/bench_setup.hpp"
#include "loadgen/record/run_result.hpp"

namespace qck::commands {

/// What an embedded service had of its CPUs while a run was on: says which side of one machine was
/// at its limit.
class ServiceLoad {
public:
    /// From now on.
    ServiceLoad(pid_t service, const Placement& placement);

    /// `The embedded service used 97 % of its 1 CPU (polling included), the generator 61 % of its
    /// 1.`, or `… and the generator share 2 CPUs: it used 46 % of them, the generator 43 %.` To be
    /// asked while the service still runs; empty when it cannot be said.
    std::string note(const record::RunResult& run) const;

    /// The same from what each used, in shares of its CPUs.
    static std::string text(const Placement& placement, double by_service, double by_generator);

private:
    pid_t service_;
    Placement placement_;
    std::chrono::nanoseconds cpu_before_;
    std::int64_t begun_ns_;
};

}  // namespace qck::commands
