#pragma once

#include <atomic>
#include <set>
#include <string>
#include <thread>

#include "base/net/address.hpp"
#include "loadgen/fleet/agent.hpp"
#include "loadgen/fleet/fleet.hpp"
#include "tests/support/catch.hpp"

namespace qck::test {

inline constexpr const char* fleet_token = "ours";

/// A fleet of agents that dial in, waited for on a thread of its own.
class GatheredFleet {
public:
    /// `tls` outlives it.
    explicit GatheredFleet(std::size_t agents, const net::TlsServerContext* tls = nullptr) {
        auto listeners = net::listen_on(*net::parse_address("127.0.0.1:0"), 1);
        REQUIRE(listeners.has_value());
        address_ = *net::local_address(listeners->front().get());
        fleet::FleetConfig config;
        config.listener = std::move(listeners->front());
        config.joining = agents;
        config.token = fleet_token;
        config.listen_tls = tls;
        thread_ = std::thread([this, config = std::move(config)]() mutable {
            auto fleet = fleet::Fleet::gather(std::move(config), [this] { return over_.load(); });
            if (fleet) {
                for (const auto& member : (*fleet)->members()) names_.insert(member.name);
            } else {
                failure_ = fleet.error().message;
            }
            is_gathered_ = true;
        });
    }
    ~GatheredFleet() {
        over_ = true;
        thread_.join();
    }
    GatheredFleet(const GatheredFleet&) = delete;
    GatheredFleet& operator=(const GatheredFleet&) = delete;

    const net::Address& address() const { return address_; }
    /// Or has failed.
    bool is_gathered() const { return is_gathered_; }
    /// Of its agents, when it is.
    const std::multiset<std::string>& names() const { return names_; }
    const std::string& failure() const { return failure_; }

private:
    net::Address address_;
    std::atomic<bool> over_{false};
    std::atomic<bool> is_gathered_{false};
    std::multiset<std::string> names_;
    std::string failure_;
    std::thread thread_;
};

/// An agent as `qck agent --join 127.0.0.1:PORT` runs it.
class JoiningAgent {
public:
    /// `tls` outlives it.
    JoiningAgent(const std::string& name, const net::Address& to,
                 const net::TlsClientContext* tls = nullptr) {
        fleet::AgentConfig config;
        config.name = name;
        config.token = fleet_token;
        config.join_tls = tls;
        thread_ = std::thread([this, config = std::move(config), port = to.port()]() mutable {
            fleet::Agent agent(std::move(config), [this] { return over_.load(); });
            const auto joined = agent.join("127.0.0.1", port);
            if (!joined) failure_ = joined.error().message;
            has_ended_ = true;
        });
    }
    ~JoiningAgent() {
        over_ = true;
        thread_.join();
    }
    JoiningAgent(const JoiningAgent&) = delete;
    JoiningAgent& operator=(const JoiningAgent&) = delete;

    bool has_ended() const { return has_ended_; }
    /// When it has.
    const std::string& failure() const { return failure_; }

private:
    std::atomic<bool> over_{false};
    std::atomic<bool> has_ended_{false};
    std::string failure_;
    std::thread thread_;
};

}  // namespace qck::test
