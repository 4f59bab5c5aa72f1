#include "loadgen/record/target_arrivals.hpp"

#include <algorithm>

namespace qck::record {

std::optional<ArrivalSum> arrivals_within(const TargetArrivals& arrivals,
                                          std::chrono::nanoseconds from,
                                          std::chrono::nanoseconds to) {
    if (arrivals.slots.empty() || arrivals.slots.front().start > from ||
        arrivals.slots.back().start + 3 * arrivals.slot < to) {
        return std::nullopt;
    }
    ArrivalSum sum;
    for (const ArrivalSlot& slot : arrivals.slots) {
        if (slot.start + arrivals.slot <= from || slot.start >= to) continue;
        sum.requests += slot.requests;
        sum.late_max = std::max(sum.late_max, slot.late_max);
        const auto idle_end = std::min(slot.idle_end, to);
        const auto idle = idle_end - std::max(slot.idle_end - slot.idle_max, from);
        if (idle <= sum.idle_max) continue;
        sum.idle_max = idle;
        sum.idle_end = idle_end;
    }
    return sum;
}

}  // namespace qck::record
