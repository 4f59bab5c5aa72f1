#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace qck::record {

/// How requests arrived at the target within a slot of time, by its own account.
struct ArrivalSlot {
    std::chrono::nanoseconds start{};  ///< from the start of the run, by its clock made ours
    std::uint64_t requests = 0;
    /// The longest that none came though nothing was left to answer, as of any moment of the slot,
    /// and that moment.
    std::chrono::nanoseconds idle_max{};
    std::chrono::nanoseconds idle_end{};  ///< from the start of the run
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
    std::uint64_t requests = 0;           ///< in the slots that touch it
    std::chrono::nanoseconds idle_max{};  ///< the longest within the part
    std::chrono::nanoseconds idle_end{};
    std::chrono::nanoseconds late_max{};  ///< in the slots that touch it
};

/// Over [from, to); nothing where the account does not reach so far back, or ends more than two
/// slots before.
std::optional<ArrivalSum> arrivals_within(const TargetArrivals& arrivals,
                                          std::chrono::nanoseconds from,
                                          std::chrono::nanoseconds to);

}  // namespace qck::record
