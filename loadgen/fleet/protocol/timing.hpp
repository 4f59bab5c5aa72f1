#pragma once

#include <chrono>

namespace qck::fleet {

/// How often the coordinator lets each agent hear from it, and hears back.
inline constexpr std::chrono::nanoseconds beat_every = std::chrono::milliseconds(100);
/// An agent may send for this long after the coordinator sent the last beat that it has answered.
/// Both can tell from that when it no longer does: an agent that was cut off, or stood still, has
/// stopped before another one makes its requests.
inline constexpr std::chrono::nanoseconds lease = std::chrono::seconds(1);
/// How often an agent tells what it measured. Of an agent that is lost, what it did since is not
/// known: with the lease this bounds the gap.
inline constexpr std::chrono::nanoseconds tell_every = std::chrono::milliseconds(500);
/// Where nothing runs, a side that is silent for this long is gone; looking up a target's name may
/// take some seconds.
inline constexpr std::chrono::nanoseconds silence_max = std::chrono::seconds(20);

/// Two sides have to have proven themselves within this.
inline constexpr std::chrono::nanoseconds greeting_within = std::chrono::seconds(3);
/// All agents have to have tried their connections within this.
inline constexpr std::chrono::nanoseconds ready_within = std::chrono::seconds(30);
/// From the moment that all are ready to the start: time for the word to arrive and for every
/// thread to wait for it.
inline constexpr std::chrono::nanoseconds lead_min = std::chrono::milliseconds(60);

}  // namespace qck::fleet
