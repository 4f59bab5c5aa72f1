#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/net/address.hpp"
#include "loadgen/record/network_use.hpp"

namespace qck::engine {

/// What an interface has counted since it came up.
struct InterfaceCounters {
    std::uint64_t sent_bytes = 0;
    std::uint64_t sent_packets = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t received_packets = 0;
    std::uint64_t dropped = 0;  ///< either way
    std::uint64_t errors = 0;   ///< either way, with FIFO overruns
};

/// Of the text of /proc/net/dev; nothing when that interface is not in it.
std::optional<InterfaceCounters> counters_of(std::string_view proc_net_dev, std::string_view name);

/// The interface that packets to `target` leave by, e.g. `eth0`; empty when there is no route.
std::string interface_to(const net::Address& target);

/// Adds what the interface counted between two looks, `span` apart, to `use`.
void add_stretch(const InterfaceCounters& before, const InterfaceCounters& now,
                 std::chrono::nanoseconds span, record::InterfaceUse& use);

/// Sees from outside, by /proc and /sys, what goes over the network interface that leads to the
/// target while the load runs, and how many sockets this machine (its network namespace) has.
///
/// A look reads two small files, on the thread that looks and not on one that offers load. What
/// cannot be read (another system, a container without /proc) is zero. One thread.
class NetworkWatch {
public:
    /// `every`: least time from one look to the next.
    NetworkWatch(const net::Address& target, std::chrono::nanoseconds every);

    /// Looks when it is time; the first time at once. `at` is from the start of the run.
    void look(std::chrono::nanoseconds at);
    /// Looks a last time.
    void end(std::chrono::nanoseconds at);
    /// Empty name: there is none to be watched.
    const record::InterfaceUse& interface() const { return interface_; }
    const record::SocketUse& sockets() const { return sockets_; }

private:
    void take(std::chrono::nanoseconds at);

    std::chrono::nanoseconds every_;
    bool begun_ = false;
    std::chrono::nanoseconds last_at_{};
    InterfaceCounters last_;
    record::InterfaceUse interface_;
    record::SocketUse sockets_;
};

}  // namespace qck::engine
