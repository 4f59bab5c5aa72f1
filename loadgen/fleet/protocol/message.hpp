#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "loadgen/record/gain.hpp"
#include "loadgen/record/run_result.hpp"
#include "loadgen/scenario/plan.hpp"
#include "loadgen/schedule/stripe.hpp"

namespace qck::fleet {

/// Raised with every change of what is said below. Both sides also have to be of one version of
/// qck: a request's due time and kind follow from its index alone, so all have to compute alike.
inline constexpr std::uint32_t protocol_version = 7;

enum class Role : std::uint8_t { coordinator, agent };

/// First from both sides, unasked.
struct Hello {
    std::uint32_t protocol = protocol_version;
    std::string version;  ///< of qck
    Role role = Role::agent;
    std::string nonce;          ///< 32 random bytes
    std::string name;           ///< of the agent, for people
    std::string host;           ///< same for agents whose host counters are the same
    std::uint32_t threads = 1;  ///< that the agent uses unless told otherwise
};
/// Second from both sides: that its sender knows the token (fleet/handshake.hpp).
struct Proof {
    std::string mac;
};
/// Why an agent refuses that will be free again; of other refusals another try is of no use.
inline constexpr const char* busy_refusal = "busy with another coordinator";

/// Instead of anything: why the connection ends.
struct Refusal {
    std::string why;
};

/// From the coordinator, several times a second: is it there, what does its clock say, and how long
/// may it send. Times are CLOCK_MONOTONIC of the side named.
struct Beat {
    std::int64_t sent_ns = 0;         ///< coordinator
    std::int64_t lease_until_ns = 0;  ///< agent; 0: none yet
};
/// The answer to a beat, at once.
struct Pulse {
    std::int64_t beat_sent_ns = 0;  ///< coordinator, as in the beat
    std::int64_t received_ns = 0;   ///< agent
    std::int64_t answered_ns = 0;   ///< agent
};

/// Lanes that change hands at a place in the run (schedule::Timetable).
struct Lanes {
    std::vector<std::uint32_t> lanes;
    std::uint32_t period = 1;
    std::uint64_t first = 0;

    schedule::Stripe stripe() const { return {lanes, period, first}; }
};

/// To an agent: connect to the target, and be ready to offer a share of a plan.
struct Prepare {
    std::uint32_t run = 0;  ///< told with all that belongs to it
    scenario::Plan plan;    ///< its connections and new connections are this agent's own
    std::string target;     ///< URL
    std::string api;        ///< URL of requests `to_api`; empty: the plan has none
    bool verify_target = true;
    bool closed_loop = false;
    std::uint32_t threads = 0;   ///< 0: the agent's own choice
    std::uint32_t siblings = 1;  ///< agents of the run on this agent's machine, itself included
    Lanes lanes;
};
/// From an agent: its connections have been tried.
struct Ready {
    std::uint32_t run = 0;
};
struct Start {
    std::uint32_t run = 0;
    std::int64_t at_ns = 0;  ///< agent
};
struct TakeOver {
    std::uint32_t run = 0;
    std::vector<Lanes> stripes;
};
/// Nothing more is to be taken over: end when your schedule has.
struct AllowEnd {
    std::uint32_t run = 0;
};
struct Stop {
    std::uint32_t run = 0;
    bool now = false;  ///< without waiting for what is open
};
/// From an agent, several times a second while it runs.
struct Progress {
    std::uint32_t run = 0;
    record::Gain gain;
    std::uint32_t connections_open = 0;
    std::uint64_t connect_failures = 0;
    std::uint8_t connect_cause = 0;  ///< record::Cause
};
/// So many stretches of who had the CPUs an agent tells at most.
inline constexpr std::size_t cpu_stretches_max = 600;

/// From an agent, after its last Progress.
struct Done {
    std::uint32_t run = 0;
    std::int64_t ran_ns = 0;
    record::GeneratorEvidence evidence;
};
/// From an agent: the run cannot be.
struct Failed {
    std::uint32_t run = 0;
    std::string why;
};

using Message = std::variant<Hello, Proof, Refusal, Beat, Pulse, Prepare, Ready, Start, TakeOver,
                             AllowEnd, Stop, Progress, Done, Failed>;

/// As MessagePack, without a frame around it.
std::string encode(const Message& message);
/// Fails with Errc::invalid_argument on anything that encode() does not make, however it is nested,
/// and on what no command could have said (message_check.hpp): a plan beyond the limits of a
/// scenario, lanes that do not fit each other, times and figures that could not be.
Result<Message> decode(std::string_view bytes);

}  // namespace qck::fleet
