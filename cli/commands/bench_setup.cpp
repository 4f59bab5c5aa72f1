#include "cli/commands/bench_setup.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/cpu.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::commands {

namespace {

/// Of requests by users; so many leave no CPU time over on either side of a machine that is
/// divided. With fewer the generator keeps time better on CPUs of its own (ADR 0212).
constexpr double shared_rate_per_cpu = 40'000;

/// Whether users offer so much from so many processes here that nobody has CPUs to himself. What
/// offers a rate that waits for nobody has, so that it keeps time whatever the service does.
bool share_cpus(const BenchOptions& options, const scenario::Plan& plan, std::size_t cpus) {
    const std::size_t processes = options.fleet.local() ? options.fleet.count : 1;
    return options.serve && plan.users && options.pin.empty() && cpus >= 2 && processes > cpus &&
           scenario::peak_rate_of(plan) > shared_rate_per_cpu * static_cast<double>(cpus);
}

}  // namespace

Placement place(const BenchOptions& options, const scenario::Plan& plan) {
    Placement placement;
    const std::vector<int> cpus = allowed_cpus();
    const std::size_t half = std::max<std::size_t>(cpus.size() / 2, 1);
    placement.generator = options.pin;
    placement.service.shared = share_cpus(options, plan, cpus.size());
    if (placement.service.shared) {
        placement.generator = cpus;
        placement.service.cpus = cpus;
    } else if (options.serve && cpus.size() >= 2) {
        if (placement.generator.empty())
            placement.generator.assign(cpus.begin() + static_cast<std::ptrdiff_t>(half),
                                       cpus.end());
        for (const int cpu : cpus) {
            const auto& taken = placement.generator;
            if (std::find(taken.begin(), taken.end(), cpu) == taken.end())
                placement.service.cpus.push_back(cpu);
        }
    }
    placement.threads = options.threads;
    if (placement.threads == 0) {
        placement.threads = static_cast<std::uint32_t>(
            placement.generator.empty() ? half : placement.generator.size());
    }
    return placement;
}

engine::EngineConfig engine_config(const BenchOptions& options, const engine::Target& target,
                                   const Placement& placement) {
    engine::EngineConfig config;
    config.target = target;
    config.local_addresses = options.local_addresses;
    config.threads = placement.threads;
    config.cpus = placement.generator;
    config.closed_loop = options.mode == BenchMode::max;
    config.tls.ca_file = options.ca_file;
    config.tls.verify = !options.insecure;
    return config;
}

std::string default_directory(const scenario::Plan& plan) {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H-%M-%S", &utc);
    return std::string("runs/") + stamp + "-" + plan.name;
}

void say_replaced(const RunDirectory& directory, const char* command) {
    if (!directory.had_report()) return;
    std::fprintf(stderr, "%s: --out: the report of an earlier run in %s is replaced\n", command,
                 directory.path().c_str());
}

Terminals terminals_of(const BenchOptions& options) {
    const render::TerminalSettings settings = render::terminal_settings();
    Terminals terminals{render::terminal_of(::fileno(stdout), settings),
                        render::terminal_of(::fileno(stderr), settings)};
    if (options.quiet || options.json) terminals.progress.redraws = false;
    return terminals;
}

}  // namespace qck::commands
