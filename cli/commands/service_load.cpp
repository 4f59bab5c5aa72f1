#include "cli/commands/service_load.hpp"

#include <algorithm>
#include <cmath>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace qck::commands {
namespace {

std::string used(double cpu_ns, double wall_ns, std::size_t cpus) {
    const double share = cpu_ns / wall_ns / static_cast<double>(cpus);
    return std::to_string(std::lround(100 * std::min(share, 1.0))) + " % of its " +
           std::to_string(cpus);
}

}  // namespace

ServiceLoad::ServiceLoad(pid_t service, std::size_t cpus)
    : service_(service),
      cpus_(std::max<std::size_t>(cpus, 1)),
      cpu_before_(cpu_time_of(service)),
      begun_ns_(monotonic_ns()) {}

std::string ServiceLoad::note(const record::RunResult& run, std::size_t generator_cpus) const {
    const std::chrono::nanoseconds service = cpu_time_of(service_) - cpu_before_;
    const auto wall_ns = static_cast<double>(monotonic_ns() - begun_ns_);
    if (service.count() <= 0 || wall_ns <= 0 || run.duration.count() <= 0) return {};
    double generator_ns = 0;
    for (const record::ThreadResult& thread : run.generator.threads) {
        generator_ns += static_cast<double>((thread.cpu_time - thread.spin_time).count());
    }
    return "The embedded service used " +
           used(static_cast<double>(service.count()), wall_ns, cpus_) +
           (cpus_ == 1 ? " CPU" : " CPUs") + " (polling included), the generator " +
           used(generator_ns, static_cast<double>(run.duration.count()),
                std::max<std::size_t>(generator_cpus, 1)) +
           ".";
}

}  // namespace qck::commands
