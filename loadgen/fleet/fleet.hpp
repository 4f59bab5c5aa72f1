#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/net/address.hpp"
#include "base/net/tls.hpp"
#include "loadgen/fleet/peer.hpp"
#include "loadgen/fleet/protocol/coordination.hpp"

namespace qck::fleet {

/// An agent that has proven itself.
struct Greeted {
    Peer peer;
    Member member;
};

struct FleetConfig {
    /// HOST:PORT of agents that wait to be dialled.
    std::vector<std::string> dial;
    /// Where agents dial in; an invalid descriptor: nowhere.
    net::Fd listener;
    /// How many dial in.
    std::size_t joining = 0;
    std::string token;
    /// All have to be there within this.
    std::chrono::nanoseconds within = std::chrono::seconds(30);
    /// TLS with agents that are dialled; null: none. Outlives the fleet, as does the next one.
    const net::TlsClientContext* dial_tls = nullptr;
    /// What they will be told holds a secret: those beyond this machine are dialled by TLS only.
    bool secret = false;
    /// TLS with agents that dial in; null: none.
    const net::TlsServerContext* listen_tls = nullptr;
    /// Told once, when somebody has been waited for for a second: who is missing, and why, as far
    /// as that is known. May be empty.
    std::function<void(const std::string& missing)> on_wait;
};

/// A coordinator and its connections: agents that have proven themselves and whose clocks are
/// known, and one run of theirs after another.
///
/// It runs only within its calls, and has to be called several times a second for as long as it
/// lives: wait_for() does what there is to do. Agents that lose sight of it stop by themselves. Not
/// thread-safe.
class Fleet {
public:
    /// Connects to all. Fails, naming who was missing, when they are not there in time, when one is
    /// of another version or has another token, and when `interrupted` says so.
    static Result<std::unique_ptr<Fleet>> gather(FleetConfig config,
                                                 const std::function<bool()>& interrupted);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    const std::vector<Member>& members() const { return coordination_->members(); }

    /// Begins a run; the one before has been finished.
    Result<void> begin(Order order);
    /// Waits until the run has ended, at most `span`; says whether it has.
    bool wait_for(std::chrono::nanoseconds span);
    record::Progress progress() const;
    void stop_early();
    void stop_now();
    Result<record::RunResult> finish();

private:
    explicit Fleet(std::vector<Greeted> agents);
    Result<void> settle_clocks(const std::function<bool()>& interrupted);
    /// Waits for something to happen, at most `span`, and handles it.
    void step(std::chrono::nanoseconds span);
    void send_outgoing();

    std::vector<std::optional<Peer>> peers_;
    std::optional<Coordination> coordination_;
};

}  // namespace qck::fleet
