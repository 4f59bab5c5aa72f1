#include "cli/commands/service_load.hpp"

#include <algorithm>
#include <cmath>

#include "base/clock.hpp"
#include "base/cpu.hpp"

namespace qck::commands {
namespace {

std::string percent(double cpu_ns, double wall_ns, std::size_t cpus) {
    const double share = cpu_ns / wall_ns / static_cast<double>(std::max<std::size_t>(cpus, 1));
    return std::to_string(std::lround(100 * std::min(share, 1.0))) + " %";
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
    const std::size_t of_service = placement_.service.cpus.size();
    const std::size_t of_generator = placement_.generator.size();
    const std::string by_service =
        percent(static_cast<double>(service.count()), wall_ns, of_service);
    const std::string by_generator =
        percent(generator_ns, static_cast<double>(run.duration.count()), of_generator);
    if (placement_.service.shared) {
        return "The embedded service and the generator share " + std::to_string(of_service) +
               " CPUs: it used " + by_service + " of them, the generator " + by_generator + ".";
    }
    return "The embedded service used " + by_service + " of its " +
           std::to_string(std::max<std::size_t>(of_service, 1)) +
           (of_service > 1 ? " CPUs" : " CPU") + " (polling included), the generator " +
           by_generator + " of its " + std::to_string(std::max<std::size_t>(of_generator, 1)) + ".";
}

}  // namespace qck::commands
