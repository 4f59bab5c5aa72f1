#pragma once

#include <cstdint>

#include "loadgen/record/run_result.hpp"
#include "loadgen/record/worker_record.hpp"
#include "loadgen/scenario/plan.hpp"
#include "loadgen/schedule/timetable.hpp"

namespace qck::record {

/// What of a run's result follows from its plan: the room that its records need, its phases and how
/// they end. Refers to plan and timetable, which outlive it. Thread-safe.
class RunFrame {
public:
    RunFrame(const scenario::Plan& plan, const schedule::Timetable& timetable, bool closed_loop);

    const RecordShape& shape() const { return shape_; }
    /// A result with every phase and interval, and nothing counted.
    RunResult empty() const;
    /// Fits a result that was counted into to the run's length: phases that were cut short, and no
    /// intervals or phases that it did not reach. `cut`: it was stopped early.
    void finish(RunResult& result, std::int64_t ran_ns, bool cut) const;

private:
    void set_times(PhaseResult& result, std::size_t phase, std::int64_t ran_ns, bool cut) const;
    void set_overtime(RunResult& run, std::size_t phase) const;

    const scenario::Plan& plan_;
    const schedule::Timetable& timetable_;
    bool closed_loop_;
    RecordShape shape_;
};

}  // namespace qck::record
