#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "base/net/tls.hpp"
#include "loadgen/engine/target.hpp"
#include "loadgen/engine/worker.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::engine {

struct EngineConfig {
    Target target;
    /// Worker threads; never more than connections.
    std::uint32_t threads = 1;
    /// CPUs to put the threads on, in turn; empty: the system decides.
    std::vector<int> cpus;
    /// Every connection always has its pipeline full, for as long as the plan is long; rates do not
    /// count.
    bool closed_loop = false;
    net::TlsClientConfig tls;
    /// A connect that takes longer has failed. Also bounds the warm-up.
    std::chrono::nanoseconds connect_timeout{std::chrono::seconds(3)};
    /// How long a run that is stopped early waits for what is open.
    std::chrono::nanoseconds interrupt_drain{std::chrono::seconds(1)};
};

/// Offers a plan to a target, on threads of its own, and measures what comes of it.
///
/// Connections are opened first; then all workers begin at one moment. progress() and the stop
/// functions may be called from any thread while it runs, the stop functions from signal handlers
/// too. Whatever the target does is counted; it is never an error of the engine.
class Engine {
public:
    /// Begins to connect. Fails when threads, sockets or TLS cannot be set up at all.
    static Result<std::unique_ptr<Engine>> start(const scenario::Plan& plan, EngineConfig config);
    /// Stops at once and joins.
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Waits until the run has ended, at most `span`; says whether it has.
    bool wait_for(std::chrono::nanoseconds span);
    record::Progress progress() const;
    /// Nothing new is sent; what is open is waited for briefly. The result says interrupted.
    void stop_early() { control_.stop_early.store(true); }
    /// What is open is left open, and counted so.
    void stop_now() { control_.stop_now.store(true); }
    /// Waits for the end, joins and adds everything up. Once.
    Result<record::RunResult> finish();

private:
    Engine(const scenario::Plan& plan, EngineConfig config);
    Result<void> set_up();
    void launch();
    /// Once all workers have tried their connections, sets the moment of the start. Any thread.
    void start_when_warm() const;
    record::PhaseResult empty_phase(std::size_t phase, std::int64_t ran_ns) const;
    void add_evidence(record::RunResult& result) const;
    /// Leaves out intervals and phases that a run of this length did not reach.
    void cut_to_length(record::RunResult& result, std::int64_t ran_ns) const;

    const scenario::Plan plan_;
    const EngineConfig config_;
    schedule::RateCurve curve_;
    schedule::RequestMix mix_;
    MessageBook messages_;
    std::unique_ptr<net::TlsClientContext> tls_;
    RunSetup setup_;
    mutable RunControl control_;
    record::RecordShape shape_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<Result<void>> outcomes_;
    std::vector<std::thread> threads_;
    StealSample steal_before_;
    std::uint64_t retransmits_before_ = 0;
};

}  // namespace qck::engine
