#include "loadgen/fleet/engine_load.hpp"

namespace qck::fleet {

Result<engine::Target> EngineLoad::find_allowed(const std::string& url) const {
    auto target = engine::find_target(url);
    if (!target) return target.error();
    if (!target->is_private() && !config_.allow_public) {
        return error(Errc::permission, "the target " + target->host +
                                           " is outside loopback and private ranges (start the "
                                           "agent with --allow-public if its owner consents)");
    }
    return target;
}

Result<void> EngineLoad::prepare(const Prepare& order) {
    auto target = find_allowed(order.target);
    if (!target) return target.error();
    engine::EngineConfig config;
    config.target = std::move(*target);
    if (!order.api.empty()) {
        auto api = find_allowed(order.api);
        if (!api) return api.error();
        config.api = std::move(*api);
    }
    config.local_addresses = config_.local_addresses;
    config.threads = order.threads != 0 ? order.threads : config_.threads;
    config.cpus = config_.cpus;
    config.closed_loop = order.closed_loop;
    config.tls.verify = order.verify_target;
    config.tls.ca_file = config_.ca_file;
    config.stripe = order.lanes.stripe();
    config.guided = true;
    config.siblings = order.siblings;
    auto engine = engine::Engine::start(order.plan, std::move(config));
    if (!engine) return engine.error();
    engine_ = std::move(*engine);
    return {};
}

void EngineLoad::stop(bool now) {
    if (now) {
        engine_->stop_now();
    } else {
        engine_->stop_early();
    }
}

void EngineLoad::describe(Progress& progress) const {
    const engine::ConnectionCounts counts = engine_->connection_counts();
    progress.connections_open = counts.open;
    progress.connect_failures = counts.failures;
    progress.connect_cause = static_cast<std::uint8_t>(counts.cause);
}

Result<Done> EngineLoad::finish() {
    auto run = engine_->finish();
    if (!run) return run.error();
    Done done;
    done.ran_ns = run->duration.count();
    done.evidence = std::move(run->generator);
    return done;
}

}  // namespace qck::fleet
