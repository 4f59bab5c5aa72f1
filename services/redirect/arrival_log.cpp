#include "services/redirect/arrival_log.hpp"

#include <algorithm>
#include <map>

namespace qck::redirect {
namespace {

constexpr std::int64_t slot_ns = std::chrono::nanoseconds(ArrivalLog::slot_length).count();

}  // namespace

void ArrivalLog::begin_slot(std::int64_t now_ns) {
    const auto number = static_cast<std::uint64_t>(now_ns / slot_ns);
    current_ = &slots_[number % slots_max];
    current_end_ns_ = (now_ns / slot_ns + 1) * slot_ns;
    current_->requests.set(0);
    current_->idle_max_ns.set(0);
    current_->idle_end_ns.set(static_cast<std::uint64_t>(now_ns));
    current_->late_max_ns.set(0);
    current_->number.set(number);
    if (last_ns_ == 0) last_ns_ = now_ns;
}

void ArrivalLog::tick(std::int64_t now_ns, std::chrono::nanoseconds period, bool owed) {
    if (now_ns >= current_end_ns_) begin_slot(now_ns);
    const std::int64_t late_ns = tick_ns_ == 0 ? 0 : now_ns - tick_ns_ - period.count();
    if (late_ns > static_cast<std::int64_t>(current_->late_max_ns.value())) {
        current_->late_max_ns.set(static_cast<std::uint64_t>(late_ns));
    }
    tick_ns_ = now_ns;
    if (owed) {
        last_ns_ = now_ns;
    } else {
        note_idle(now_ns);
    }
}

std::vector<ArrivalSlot> ArrivalLog::slots_since(std::int64_t since_ns, std::int64_t now_ns) const {
    const std::int64_t last = now_ns / slot_ns;
    // The oldest may be written anew meanwhile.
    const std::int64_t first = std::max<std::int64_t>(
        {since_ns / slot_ns, last - static_cast<std::int64_t>(slots_max) + 2, 0});
    std::vector<ArrivalSlot> found;
    for (std::int64_t number = first; number < last; ++number) {
        const Slot& slot = slots_[static_cast<std::size_t>(number) % slots_max];
        if (slot.number.value() != static_cast<std::uint64_t>(number)) continue;
        found.push_back({number * slot_ns, slot.requests.value(),
                         static_cast<std::int64_t>(slot.idle_max_ns.value()),
                         static_cast<std::int64_t>(slot.idle_end_ns.value()),
                         static_cast<std::int64_t>(slot.late_max_ns.value())});
    }
    return found;
}

std::vector<ArrivalSlot> slots_since(std::span<const ArrivalLog* const> logs, std::int64_t since_ns,
                                     std::int64_t now_ns) {
    struct Sum {
        ArrivalSlot slot;
        std::size_t logs = 0;
    };
    std::map<std::int64_t, Sum> sums;
    for (const ArrivalLog* const log : logs) {
        for (const ArrivalSlot& slot : log->slots_since(since_ns, now_ns)) {
            Sum& sum = sums[slot.start_ns];
            if (sum.logs++ == 0) {
                sum.slot = slot;
                continue;
            }
            ArrivalSlot& all = sum.slot;
            const std::int64_t begin_ns =
                std::max(all.idle_end_ns - all.idle_max_ns, slot.idle_end_ns - slot.idle_max_ns);
            all.idle_end_ns = std::min(all.idle_end_ns, slot.idle_end_ns);
            all.idle_max_ns = std::max<std::int64_t>(all.idle_end_ns - begin_ns, 0);
            all.requests += slot.requests;
            all.late_max_ns = std::max(all.late_max_ns, slot.late_max_ns);
        }
    }
    std::vector<ArrivalSlot> found;
    for (const auto& [start_ns, sum] : sums) {
        if (sum.logs == logs.size()) found.push_back(sum.slot);
    }
    return found;
}

}  // namespace qck::redirect
