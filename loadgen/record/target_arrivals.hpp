#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace qck::record {

/// How requests arrived at the target within a slot of time, by its own account.
struct ArrivalSlot {
    std::chrono::nanoseconds start{};  ///< from the start of the run, by its clock made ours
    std::uint64_t requests = 0;
    /// The longest that none came though nothing was left to answer, as of any moment of the slot.
    std::chrono::nanoseconds idle_max{};
    /// The longest that the target itself was busy with something else, or was not run.
    std::chrono::nanoseconds late_max{};
};

/// What a target that keeps such an account says of a run.
struct TargetArrivals {
    std::chrono::nanoseconds slot{};  ///< length of each
    std::vector<ArrivalSlot> slots;   ///< ascending
};

/// The same over a part of the run.
struct ArrivalSum {
    std::uint64_t requests = 0;
    std::chrono::nanoseconds idle_max{};  ///< within the part
    std::chrono::nanoseconds late_max{};
};

/// Over the slots that touch [from, to).
ArrivalSum arrivals_within(const TargetArrivals& arrivals, std::chrono::nanoseconds from,
                           std::chrono::nanoseconds to);

}  // namespace qck::record
