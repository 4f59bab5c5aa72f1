#include "cli/commands/service_load.hpp"

#include <algorithm>
#include <cmath>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace qck::commands {
namespace {

std::string percent(double share) {
    return std::to_string(std::lround(100 * std::min(share, 1.0))) + " %";
}

std::string cpus_text(std::size_t cpus) {
    return std::to_string(cpus) + (cpus == 1 ? " CPU" : " CPUs");
}

std::size_t at_least_one(const std::vector<int>& cpus) {
    return std::max<std::size_t>(cpus.size(), 1);
}

}  // namespace

ServiceLoad::ServiceLoad(pid_t service, const Placement& placement)
    : service_(service),
      placement_(placement),
      cpu_before_(cpu_time_of(service)),
      begun_ns_(monotonic_ns()) {}

std::string ServiceLoad::note(const record::RunResult& run) const {
    const std::chrono::nanoseconds service = cpu_time_of(service_) - cpu_before_;
    const auto wall_ns = static_cast<double>(monotonic_ns() - begun_ns_);
    if (service.count() <= 0 || wall_ns <= 0 || run.duration.count() <= 0) return {};
    double generator_ns = 0;
    for (const record::ThreadResult& thread : run.generator.threads) {
        generator_ns += static_cast<double>((thread.cpu_time - thread.spin_time).count());
    }
    const auto share = [](double cpu_ns, double span_ns, const std::vector<int>& cpus) {
        return cpu_ns / span_ns / static_cast<double>(at_least_one(cpus));
    };
    return text(
        placement_, share(static_cast<double>(service.count()), wall_ns, placement_.service.cpus),
        share(generator_ns, static_cast<double>(run.duration.count()), placement_.generator));
}

std::string ServiceLoad::text(const Placement& placement, double by_service, double by_generator) {
    if (placement.service.shared) {
        return "The embedded service and the generator share " +
               cpus_text(placement.service.cpus.size()) + ": it used " + percent(by_service) +
               " of them, the generator " + percent(by_generator) + ".";
    }
    return "The embedded service used " + percent(by_service) + " of its " +
           cpus_text(at_least_one(placement.service.cpus)) + " (polling included), the generator " +
           percent(by_generator) + " of its " + std::to_string(at_least_one(placement.generator)) +
           ".";
}

}  // namespace qck::commands
