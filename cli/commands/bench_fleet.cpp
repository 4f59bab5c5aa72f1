#include "cli/commands/bench_fleet.hpp"

#include <strings.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "base/units.hpp"
#include "cli/commands/bench_run.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/fleet_token.hpp"
#include "cli/commands/local_addresses.hpp"

namespace qck::commands {
namespace {

/// A token for agents that are started here and nobody else's.
std::string random_token() {
    std::random_device source;
    std::string token;
    for (int words = 0; words < 8; ++words) token += std::to_string(source()) + ".";
    return token;
}

bool has_secret(const scenario::Plan& plan) {
    const auto is_secret = [](const auto& header) {
        return ::strcasecmp(header.first.c_str(), "Authorization") == 0;
    };
    return std::any_of(plan.requests.begin(), plan.requests.end(), [&](const auto& kind) {
        return std::any_of(kind.headers.begin(), kind.headers.end(), is_secret);
    });
}

Result<void> check_listen(const FleetOptions& options, const net::Address& listen, bool secret) {
    if (listen.is_loopback()) return {};
    if (options.token.empty()) {
        return misused(
            "--agents-listen beyond loopback needs a token (QCK_FLEET_TOKEN, or "
            "--fleet-token-file)");
    }
    if (secret && options.certificate_file.empty()) {
        return misused(
            "--agents-listen beyond loopback: the requests' Authorization header would go to "
            "agents unencrypted (give --agents-cert and --agents-key, and the agents --tls-ca)");
    }
    return {};
}

Result<void> check(const FleetOptions& options) {
    if (!options.listen.empty() && options.count == 0) {
        return misused("--agents-listen needs --agents N: how many dial in");
    }
    if (options.certificate_file.empty() != options.key_file.empty()) {
        return misused("--agents-cert and --agents-key need each other");
    }
    if (!options.certificate_file.empty() && options.listen.empty()) {
        return misused("--agents-cert is for agents that dial in (--agents-listen)");
    }
    if (!options.ca_file.empty() && options.dial.empty()) {
        return misused("--agents-ca is for agents that are dialled (--agents HOST:PORT,...)");
    }
    return {};
}

/// A run of agents, and who has the CPUs of this machine meanwhile.
struct WatchedFleet {
    fleet::Fleet& fleet;
    engine::CpuWatch& cpus;

    bool wait_for(std::chrono::nanoseconds span) {
        const bool ended = fleet.wait_for(span);
        const std::chrono::nanoseconds at = fleet.progress().elapsed;
        if (at.count() >= 0 && !ended) cpus.look(at);
        return ended;
    }
    record::Progress progress() const { return fleet.progress(); }
    void stop_early() { fleet.stop_early(); }
    void stop_now() { fleet.stop_now(); }
};

/// Who is no other load is known here: an embedded service, and agents that were started here. How
/// long a generator waited for a CPU only its own process can tell.
void add_evidence(const engine::CpuWatch& cpus, bool local, record::RunResult& run) {
    record::GeneratorEvidence& evidence = run.generator;
    std::vector<record::CpuStretch> told = std::move(evidence.cpu_stretches);
    evidence.cpu_stretches = local ? cpus.stretches() : told;
    for (record::CpuStretch& stretch : evidence.cpu_stretches) {
        const auto seen =
            record::within(local ? told : cpus.stretches(), stretch.begin, stretch.end());
        if (local) {
            stretch.kept_waiting = seen.kept_waiting;
        } else {
            stretch.others = std::max(stretch.others - seen.ours, std::chrono::nanoseconds(0));
        }
    }
    const record::CpuShares shares =
        record::shares_of(evidence.cpu_stretches, std::chrono::nanoseconds(0), run.duration);
    evidence.steal_share = std::max(evidence.steal_share, shares.stolen);
    evidence.others_share = shares.others;
}

}  // namespace

Result<std::unique_ptr<BenchFleet>> BenchFleet::wanted_by(const BenchOptions& options,
                                                          const scenario::Plan& plan,
                                                          const Placement& placement,
                                                          const InterruptWatch& interrupts) {
    if (!options.fleet.any() && options.fleet.listen.empty()) return nullptr;
    return gather(options, has_secret(plan), placement.generator, placement.threads, interrupts);
}

Result<std::unique_ptr<BenchFleet>> BenchFleet::gather(const BenchOptions& options, bool secret,
                                                       const std::vector<int>& cpus,
                                                       std::uint32_t threads,
                                                       const InterruptWatch& interrupts) {
    FleetOptions wanted = options.fleet;
    if (auto good = check(wanted); !good) return good.error();
    auto token = fleet_token(wanted.token, wanted.token_file);
    if (!token) return token.error();
    wanted.token = *token;
    std::unique_ptr<BenchFleet> made(new BenchFleet);
    made->closed_loop_ = options.mode == BenchMode::max;
    made->verify_target_ = !options.insecure;
    made->threads_ = options.threads;

    fleet::FleetConfig config;
    config.dial = wanted.dial;
    config.joining = wanted.count;
    config.within = wanted.within;
    config.secret = secret;
    if (!options.quiet) {
        config.on_wait = [within = wanted.within](const std::string& missing) {
            std::fprintf(stderr,
                         "qck bench: waiting for agents, %s at most (--agents-within): %s\n",
                         format_duration(within).c_str(), missing.c_str());
        };
    }
    const bool local = wanted.local();
    if (local) wanted.token = random_token();
    config.token = wanted.token;
    if (!wanted.ca_file.empty()) {
        auto context = net::TlsClientContext::create({wanted.ca_file, true});
        if (!context) return context.error();
        made->dial_tls_ = std::move(*context);
        config.dial_tls = made->dial_tls_.get();
    }
    if (!wanted.certificate_file.empty()) {
        auto context = net::TlsServerContext::load({wanted.certificate_file, wanted.key_file});
        if (!context) return context.error();
        made->listen_tls_ = std::move(*context);
        config.listen_tls = made->listen_tls_.get();
    }
    if (wanted.count > 0) {
        const auto address = net::parse_address(local ? "127.0.0.1:0" : wanted.listen);
        if (!address) return misused("--agents-listen: " + address.error().message);
        if (auto good = check_listen(wanted, *address, config.secret); !good) return good.error();
        auto listeners = net::listen_on(*address, 1);
        if (!listeners) return listeners.error();
        config.listener = std::move(listeners->front());
    }
    if (local) {
        const auto bound = net::local_address(config.listener.get());
        if (!bound) return bound.error();
        LocalAgents::Config agents;
        agents.count = wanted.count;
        agents.join = bound->to_string();
        agents.token = wanted.token;
        const auto count = static_cast<std::uint32_t>(wanted.count);
        agents.threads = options.threads != 0 ? options.threads : std::max(threads / count, 1U);
        agents.cpus = cpus;
        agents.local_addresses = text_of(options.local_addresses);
        agents.allow_public = options.allow_public;
        agents.ca_file = options.ca_file;
        auto started = LocalAgents::start(agents);
        if (!started) return started.error();
        made->local_.emplace(std::move(*started));
    }
    auto gathered =
        fleet::Fleet::gather(std::move(config), [&interrupts] { return interrupts.count() > 0; });
    if (!gathered) return gathered.error();
    made->fleet_ = std::move(*gathered);
    return made;
}

engine::CpuWatch BenchFleet::watch_here() const {
    engine::CpuWatch::Config config;
    if (local_) config.ours = local_->processes();
    if (service_ > 0) config.ours.push_back(service_);
    config.every = std::chrono::milliseconds(200);
    return engine::CpuWatch(std::move(config));
}

fleet::Order BenchFleet::order(const scenario::Plan& plan, const engine::Target& target,
                               bool closed_loop) const {
    fleet::Order order;
    order.plan = plan;
    order.target = target.origin() + target.path;
    order.api = api_;
    order.verify_target = verify_target_;
    order.closed_loop = closed_loop;
    order.threads = threads_;
    order.weights = capacities_;
    return order;
}

Result<record::RunResult> BenchFleet::run_to_calibrate(const scenario::Plan& plan,
                                                       const engine::Target& target,
                                                       bool closed_loop,
                                                       const InterruptWatch& interrupts) {
    if (auto begun = fleet_->begin(order(plan, target, closed_loop)); !begun) return begun.error();
    while (!fleet_->wait_for(std::chrono::milliseconds(20))) {
        if (interrupts.count() > 0) {
            return error(Errc::unavailable, "interrupted while it was calibrated");
        }
    }
    auto run = fleet_->finish();
    if (!run) return run.error();
    for (const record::AgentResult& agent : run->agents) {
        if (agent.lost) {
            return error(
                Errc::unavailable,
                "agent " + agent.name + " was lost while it was calibrated: " + agent.lost_why);
        }
    }
    if (run->agents.size() < fleet_->members().size()) {
        return error(Errc::unavailable, "an agent was lost before it was calibrated");
    }
    return run;
}

Result<Calibration> BenchFleet::calibrate(const scenario::Plan& plan, std::optional<double> enough,
                                          const engine::Target& target,
                                          const InterruptWatch& interrupts) {
    std::vector<record::AgentResult> agents;
    const auto run = [&](const scenario::Plan& load, bool closed_loop) {
        auto ran = run_to_calibrate(load, target, closed_loop, interrupts);
        if (ran) agents = ran->agents;
        return ran;
    };
    auto calibration = calibrate_by(run, plan, enough, target.origin());
    if (!calibration) return calibration;
    std::uint64_t answered = 0;
    for (const record::AgentResult& agent : agents) answered += agent.accounting.answered;
    const std::size_t count = agents.size();
    for (const record::AgentResult& agent : agents) {
        // Where each has answered its share, of which there are few, all can do as much.
        const double share =
            calibration->at_least
                ? 1 / static_cast<double>(count)
                : static_cast<double>(agent.accounting.answered) / static_cast<double>(answered);
        capacities_.push_back(calibration->rate_per_s * share);
    }
    calibration->who = count == 1 ? "1 agent offers" : std::to_string(count) + " agents offer";
    return calibration;
}

Result<record::RunResult> BenchFleet::run(const scenario::Plan& plan, const engine::Target& target,
                                          const render::Terminal& progress,
                                          const InterruptWatch& interrupts,
                                          const ProgressSink& sink) {
    if (auto begun = fleet_->begin(order(plan, target, closed_loop_)); !begun) {
        return begun.error();
    }
    std::optional<engine::CpuWatch> cpus;
    if (!local_ && service_ == 0) {
        follow_run(*fleet_, plan, progress, interrupts, sink);
    } else {
        cpus.emplace(watch_here());
        WatchedFleet watched{*fleet_, *cpus};
        follow_run(watched, plan, progress, interrupts, sink);
    }
    auto run = fleet_->finish();
    if (!run) return run;
    if (cpus) add_evidence(*cpus, local_.has_value(), *run);
    // Of agents that were lost in an earlier run the result knows nothing.
    for (std::size_t at = 0; at < capacities_.size(); ++at) {
        for (record::AgentResult& agent : run->agents) {
            if (agent.name == fleet_->members()[at].name) agent.capacity_per_s = capacities_[at];
        }
    }
    return run;
}

}  // namespace qck::commands
