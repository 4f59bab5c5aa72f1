#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "loadgen/engine/engine.hpp"
#include "loadgen/fleet/protocol/agent_session.hpp"

namespace qck::fleet {

struct EngineLoadConfig {
    std::uint32_t threads = 1;  ///< where the order leaves it open
    std::vector<int> cpus;      ///< to put the threads on, in turn; empty: the system decides
    /// Whether targets outside loopback and private ranges are agreed to here, by whoever runs the
    /// agent: that the coordinator asks for it is not enough.
    bool allow_public = false;
    /// Connections go out from these in turn (engine::EngineConfig).
    std::vector<net::Address> local_addresses;
    std::string ca_file;  ///< of the target's authorities; empty: the system's
};

/// The load engine, told by a coordinator. Belongs to one thread.
class EngineLoad final : public Load {
public:
    explicit EngineLoad(EngineLoadConfig config) : config_(std::move(config)) {}

    Result<void> prepare(const Prepare& order) override;
    bool is_warm() const override { return engine_->is_warm(); }
    void start_at(std::int64_t at_ns) override { engine_->start_at(at_ns); }
    void set_lease(std::int64_t until_ns) override { engine_->set_lease(until_ns); }
    void take_over(const schedule::Stripe& stripe) override { engine_->take_over(stripe); }
    void allow_end() override { engine_->allow_end(); }
    void stop(bool now) override;
    /// Asked often enough for the engine to look at the machine by the way.
    bool has_ended() const override { return engine_->wait_for(std::chrono::nanoseconds(0)); }
    record::Gain take_gain(bool whole) override { return engine_->take_gain(whole); }
    void describe(Progress& progress) const override;
    Result<Done> finish() override;
    void abandon() override { engine_.reset(); }

private:
    Result<engine::Target> find_allowed(const std::string& url) const;

    EngineLoadConfig config_;
    std::unique_ptr<engine::Engine> engine_;
};

}  // namespace qck::fleet
