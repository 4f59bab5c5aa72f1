#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/fleet/fleet.hpp"
#include "loadgen/fleet/greeting.hpp"
#include "loadgen/fleet/peer.hpp"

namespace qck::fleet {

/// The connections of a fleet while they are made: dials, accepts and greets until all agents are
/// there. Those that are hear a beat meanwhile, so that they stay; whose connection ends or who
/// falls silent loses the place. Part of Fleet. Not thread-safe.
class Gathering {
public:
    /// The config outlives it.
    explicit Gathering(const FleetConfig& config) : config_(config) {}

    /// In the order of `dial`, those that dialled in after them as they came.
    Result<std::vector<Greeted>> run(const std::function<bool()>& interrupted);

private:
    /// A connection that has not greeted yet.
    struct Candidate {
        Peer peer;
        Greeting greeting;
        std::string address;
        std::int64_t until_ns = 0;
    };
    /// A place for an agent, and who is to take it.
    struct Place {
        std::string dial;  ///< empty: whoever dials in
        std::vector<net::Address> addresses;
        std::unique_ptr<Candidate> candidate;
        std::unique_ptr<Greeted> greeted;
        std::int64_t beat_ns = 0;   ///< when `greeted` was last sent one
        std::int64_t heard_ns = 0;  ///< and was last heard
        std::int64_t retry_ns = 0;
        std::size_t tries = 0;
        std::string trouble;  ///< of the last try
    };

    Result<void> resolve();
    void dial(Place& place, std::int64_t now_ns);
    void accept(std::int64_t now_ns);
    void wait(std::int64_t until_ns);
    /// Fails with what no other try will mend.
    Result<void> follow(std::unique_ptr<Candidate>& candidate, Place* place, std::int64_t now_ns);
    void seat(std::unique_ptr<Candidate> candidate, Place* place, std::int64_t now_ns);
    /// Sends a beat when one is due, and frees the place when its agent is no longer there.
    void keep(Place& place, std::int64_t now_ns);
    std::unique_ptr<Candidate> candidate_of(Peer peer, std::string address,
                                            std::int64_t now_ns) const;
    bool is_complete() const;
    /// `1 of 2 agents HOW; agent at …`.
    std::string missing(const std::string& how) const;

    const FleetConfig& config_;
    std::vector<Place> places_;
    std::vector<std::unique_ptr<Candidate>> strangers_;  ///< who dialled in and has not greeted
    std::string stranger_trouble_;
};

}  // namespace qck::fleet
