#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/net/tls.hpp"
#include "loadgen/engine/arrival_feed.hpp"
#include "loadgen/engine/cpu_watch.hpp"
#include "loadgen/engine/network_watch.hpp"
#include "loadgen/engine/target.hpp"
#include "loadgen/engine/worker.hpp"
#include "loadgen/record/run_frame.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::engine {

struct EngineConfig {
    Target target;
    /// Where requests `to_api` go; a plan that has none needs none.
    std::optional<Target> api;
    /// Connections go out from these in turn. Empty: the system decides; where one address of
    /// loopback has too few ports for the connections, as many of 127.0.0.0/8 as it takes.
    std::vector<net::Address> local_addresses;
    /// Worker threads; never more than connections.
    std::uint32_t threads = 1;
    /// CPUs to put the threads on, in turn; empty: the system decides.
    std::vector<int> cpus;
    /// Where requests come from instead of from the plan, whose phase then only says how long that
    /// takes; outlives the engine. The plan's requests have to vary (`{n}`). Null: the plan
    /// decides.
    ArrivalFeed* feed = nullptr;
    /// Every connection always has its pipeline full, for as long as the plan is long; rates do not
    /// count.
    bool closed_loop = false;
    net::TlsClientConfig tls;
    /// The process of an embedded service: what it takes of the CPUs is no other load. 0: none.
    pid_t service = 0;
    /// A connect that takes longer has failed. Also bounds the warm-up.
    std::chrono::nanoseconds connect_timeout{std::chrono::seconds(3)};
    /// One of several generators of a run: it makes the requests of this stripe only. Connections
    /// and new connections per second are then its own share too.
    std::optional<schedule::Stripe> stripe;
    /// Somebody else says when it starts (start_at) and when it may end (allow_end).
    bool guided = false;
    /// Generators of the run on this machine, itself included: they want its CPUs too.
    std::uint32_t siblings = 1;
    /// How long a run that is stopped early waits for what is open.
    std::chrono::nanoseconds interrupt_drain{std::chrono::seconds(1)};
};

/// How a run's connections are while it goes.
struct ConnectionCounts {
    std::uint32_t open = 0;
    std::uint64_t failures = 0;                  ///< to connect
    record::Cause cause = record::Cause::other;  ///< of one of the last; valid when failures > 0
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
    ConnectionCounts connection_counts() const;
    /// Nothing new is sent; what is open is waited for briefly. The result says interrupted.
    void stop_early() { control_.stop_early.store(true); }
    /// What is open is left open, and counted so.
    void stop_now() { control_.stop_now.store(true); }
    // Of a guided run; any thread.

    /// Every connection has been tried.
    bool is_warm() const { return control_.warmed_up.load() == workers_.size(); }
    /// The moment (CLOCK_MONOTONIC) from which due times count; once, when it is warm.
    void start_at(std::int64_t at_ns) { control_.start_ns.store(at_ns); }
    /// Makes the requests of this stripe as well, from its first on.
    void take_over(const schedule::Stripe& stripe);
    /// Nothing more will be taken over: ends when its schedule has, and all is answered.
    void allow_end() { control_.may_end.store(true); }
    /// Sends nothing at that moment (CLOCK_MONOTONIC) or later, and stops by itself: others may
    /// take its requests over then. Forever until it is set; to be set anew before it passes.
    void set_lease(std::int64_t until_ns) { control_.lease_until_ns.store(until_ns); }
    /// What was measured since the last call. One thread. `whole` when the run has ended.
    record::Gain take_gain(bool whole);
    bool has_ended() const { return control_.ended.load() == workers_.size(); }

    /// Waits for the end, joins and adds everything up. Once.
    Result<record::RunResult> finish();

private:
    Engine(const scenario::Plan& plan, EngineConfig config);
    Result<void> set_up();
    bool target_is_here() const;
    void watch_machine();
    /// Whoever waits for the run does so, on one thread: wait_for(), take_gain(), finish().
    void look_at_machine();
    void launch();
    /// Below zero before the start.
    std::chrono::nanoseconds since_start() const;
    /// Once all workers have tried their connections, sets the moment of the start. Any thread.
    void start_when_warm() const;
    void add_evidence(record::RunResult& result) const;

    const scenario::Plan plan_;
    const EngineConfig config_;
    schedule::Timetable timetable_;
    schedule::RequestMix mix_;
    MessageBook messages_;
    std::unique_ptr<net::TlsClientContext> tls_;
    RunSetup setup_;
    mutable RunControl control_;
    record::RunFrame frame_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::unique_ptr<record::WorkerRecord>> told_;  ///< what take_gain() gave
    std::vector<Result<void>> outcomes_;
    std::vector<std::thread> threads_;
    std::optional<CpuWatch> cpu_watch_;
    std::optional<NetworkWatch> network_watch_;
    std::uint64_t retransmits_before_ = 0;
};

}  // namespace qck::engine
