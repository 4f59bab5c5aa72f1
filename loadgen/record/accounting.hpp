#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace qck::record {

/// Where every request of a phase went. Closes exactly once a run has ended:
/// scheduled = sent + unsent, and sent = answered + failed + timed_out + in_flight.
struct Accounting {
    std::uint64_t scheduled = 0;  ///< came due
    std::uint64_t sent = 0;       ///< given to an open connection
    std::uint64_t unsent = 0;    ///< found no connection before its timeout (or the end of the run)
    std::uint64_t answered = 0;  ///< a whole response came, whatever its status
    std::uint64_t failed = 0;    ///< its connection ended, or what came was no response
    std::uint64_t timed_out = 0;  ///< sent, no whole response within the timeout from its due time
    std::uint64_t in_flight = 0;  ///< sent and still open when the run was stopped

    bool closes() const {
        return scheduled == sent + unsent && sent == answered + failed + timed_out + in_flight;
    }
    Accounting& operator+=(const Accounting& other) {
        scheduled += other.scheduled;
        sent += other.sent;
        unsent += other.unsent;
        answered += other.answered;
        failed += other.failed;
        timed_out += other.timed_out;
        in_flight += other.in_flight;
        return *this;
    }
    bool operator==(const Accounting&) const = default;
};

/// Why a connection could not be had, or was lost with requests on it.
enum class Cause : std::uint8_t {
    refused,          ///< connect: nobody listens
    connect_timeout,  ///< connect: no answer
    unreachable,      ///< connect: no route, network or host down
    no_ports,         ///< connect: local ports used up (EADDRNOTAVAIL)
    no_descriptors,   ///< connect: descriptors or socket memory used up (EMFILE, ENFILE, ENOBUFS)
    tls,              ///< handshake or certificate
    reset,            ///< the peer reset the connection
    closed_early,     ///< the peer closed before or within a response
    protocol,         ///< what came is not an HTTP response
    lost_with_pipeline,  ///< stood behind a request that failed on its connection
    behind_timeout,      ///< stood behind a request that timed out on its connection
    no_free_connection,  ///< unsent only: all connections were busy until its timeout
    run_ended,           ///< unsent only: the run was stopped while it waited
    agent_lost,          ///< unsent only: its agent was lost; as far as anybody knows
    other,               ///< any other error of the operating system
};
inline constexpr std::size_t cause_count = static_cast<std::size_t>(Cause::other) + 1;
using CauseCounts = std::array<std::uint64_t, cause_count>;

/// `refused`, `connect timeout`, …: stable, for people and for report.json.
const char* cause_name(Cause cause);

}  // namespace qck::record
