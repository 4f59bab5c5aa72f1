#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/net/tls.hpp"
#include "cli/commands/bench_fit.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/bench_run.hpp"
#include "cli/commands/bench_setup.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/local_agents.hpp"
#include "cli/render/terminal.hpp"
#include "loadgen/engine/cpu_watch.hpp"
#include "loadgen/engine/target.hpp"
#include "loadgen/fleet/fleet.hpp"

namespace qck::commands {

/// The agents of one bench: started here, dialled or waited for, and told what to offer. Local ones
/// end with it. Belongs to one thread.
class BenchFleet {
public:
    /// By the flags; null when they ask for no agents. Fails where the plan's Authorization header
    /// would go over a network unencrypted.
    static Result<std::unique_ptr<BenchFleet>> wanted_by(const BenchOptions& options,
                                                         const scenario::Plan& plan,
                                                         const Placement& placement,
                                                         const InterruptWatch& interrupts);

    /// URL of requests to an API, of plans that have any.
    void use_api(std::string url) { api_ = std::move(url); }
    /// The embedded service, whose CPU time is no other load on this machine.
    void use_service(pid_t process) { service_ = process; }

    /// As calibrate(): all agents at once, so that they share the target as in the run. Their
    /// shares of later runs are as what each had answered; equal where each had all it was asked
    /// for, since no more was `enough`.
    Result<Calibration> calibrate(const scenario::Plan& plan, std::optional<double> enough,
                                  const engine::Target& target, const InterruptWatch& interrupts);
    /// As run_plan().
    Result<record::RunResult> run(const scenario::Plan& plan, const engine::Target& target,
                                  const render::Terminal& progress,
                                  const InterruptWatch& interrupts, const ProgressSink& sink = {});

private:
    BenchFleet() = default;
    /// `cpus` and `threads` are those of local agents, all together; `secret`: what agents will be
    /// told holds one.
    static Result<std::unique_ptr<BenchFleet>> gather(const BenchOptions& options, bool secret,
                                                      const std::vector<int>& cpus,
                                                      std::uint32_t threads,
                                                      const InterruptWatch& interrupts);
    engine::CpuWatch watch_here() const;
    Result<record::RunResult> run_to_calibrate(const scenario::Plan& plan,
                                               const engine::Target& target, bool closed_loop,
                                               const InterruptWatch& interrupts);
    fleet::Order order(const scenario::Plan& plan, const engine::Target& target,
                       bool closed_loop) const;

    std::unique_ptr<net::TlsClientContext> dial_tls_;
    std::unique_ptr<net::TlsServerContext> listen_tls_;
    std::optional<LocalAgents> local_;
    std::unique_ptr<fleet::Fleet> fleet_;
    std::vector<double> capacities_;
    std::string api_;
    pid_t service_ = 0;
    std::uint32_t threads_ = 0;  ///< of each agent, as asked for; 0: its own choice
    bool verify_target_ = true;
    bool closed_loop_ = false;
};

}  // namespace qck::commands
