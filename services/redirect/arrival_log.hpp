#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/counter.hpp"

namespace qck::redirect {

/// How requests arrived within one slot of time.
struct ArrivalSlot {
    std::int64_t start_ns = 0;  ///< CLOCK_MONOTONIC
    std::uint64_t requests = 0;
    /// The longest that no request came though nothing was left to answer, as of any moment of the
    /// slot, and that moment: it may have begun before the slot.
    std::int64_t idle_max_ns = 0;
    std::int64_t idle_end_ns = 0;  ///< CLOCK_MONOTONIC; within the slot
    /// The latest that the reactor came to its timer: it was busy so long, or was not run.
    std::int64_t late_max_ns = 0;
};

/// How requests arrived at one reactor, in slots of a tenth of a second, over the last seven
/// minutes. Where a generator says that answers were late, this tells whether the requests were.
///
/// One writer, whose times never decrease; slots_since() may be called by any thread.
class ArrivalLog {
public:
    static constexpr std::chrono::milliseconds slot_length{100};
    static constexpr std::size_t slots_max = 4096;

    /// A request came; `owes()`, asked once a batch: an earlier one still waits for its answer.
    template <class Owes>
    void arrived(std::int64_t now_ns, const Owes& owes) {
        if (now_ns != last_ns_) note(now_ns, owes());
        current_->requests.add();
    }
    /// To be called every `period`, as nearly as the reactor can. An idle time that follows an
    /// awaited answer may be told longer by so much.
    void tick(std::int64_t now_ns, std::chrono::nanoseconds period, bool owed);

    /// The slots that ended after `since_ns` and by `now_ns`, ascending. One in which the reactor
    /// did not come to its timer is absent.
    std::vector<ArrivalSlot> slots_since(std::int64_t since_ns, std::int64_t now_ns) const;

private:
    struct Slot {
        Counter number;  ///< its start, in slots; what is older is not of this round
        Counter requests;
        Counter idle_max_ns;
        Counter idle_end_ns;
        Counter late_max_ns;
    };

    /// The first request of a batch.
    void note(std::int64_t now_ns, bool owed) {
        if (now_ns >= current_end_ns_) [[unlikely]]
            begin_slot(now_ns);
        if (!owed) note_idle(now_ns);
        last_ns_ = now_ns;
    }
    void note_idle(std::int64_t now_ns) {
        const auto idle_ns = static_cast<std::uint64_t>(now_ns - last_ns_);
        if (idle_ns <= current_->idle_max_ns.value()) return;
        current_->idle_max_ns.set(idle_ns);
        current_->idle_end_ns.set(static_cast<std::uint64_t>(now_ns));
    }
    void begin_slot(std::int64_t now_ns);

    std::unique_ptr<Slot[]> slots_ = std::make_unique<Slot[]>(slots_max);
    Slot* current_ = slots_.get();
    std::int64_t current_end_ns_ = 0;
    std::int64_t last_ns_ = 0;  ///< of an arrival, or of a tick that found some still waiting
    std::int64_t tick_ns_ = 0;  ///< the last one; 0: none
};

/// How requests arrived at all of them: an idle time is what the longest ones of all reactors have
/// in common, a late one of any. Slots that one of them lacks are left out.
std::vector<ArrivalSlot> slots_since(std::span<const ArrivalLog* const> logs, std::int64_t since_ns,
                                     std::int64_t now_ns);

}  // namespace qck::redirect
