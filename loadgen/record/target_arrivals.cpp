#include "loadgen/record/target_arrivals.hpp"

#include <algorithm>

namespace qck::record {

ArrivalSum arrivals_within(const TargetArrivals& arrivals, std::chrono::nanoseconds from,
                           std::chrono::nanoseconds to) {
    ArrivalSum sum;
    for (const ArrivalSlot& slot : arrivals.slots) {
        const auto end = slot.start + arrivals.slot;
        if (end <= from || slot.start >= to) continue;
        sum.requests += slot.requests;
        sum.idle_max = std::max(sum.idle_max, std::min(slot.idle_max, end - from));
        sum.late_max = std::max(sum.late_max, slot.late_max);
    }
    return sum;
}

}  // namespace qck::record
