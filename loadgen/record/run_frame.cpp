#include "loadgen/record/run_frame.hpp"

#include <algorithm>

namespace qck::record {

RunFrame::RunFrame(const scenario::Plan& plan, const schedule::Timetable& timetable,
                   bool closed_loop)
    : plan_(plan),
      timetable_(timetable),
      closed_loop_(closed_loop),
      shape_(RecordShape::of(closed_loop ? 1 : plan.phases.size(), timetable.curve().duration_ns(),
                             plan.timeout.count(), plan.links.tail_count)) {}

RunResult RunFrame::empty() const {
    RunResult result;
    result.closed_loop = closed_loop_;
    result.planned = std::chrono::nanoseconds(timetable_.curve().duration_ns());
    result.interval = std::chrono::nanoseconds(shape_.interval_ns);
    for (std::size_t phase = 0; phase < shape_.phases; ++phase) {
        result.phases.emplace_back().name = plan_.phases[phase].name;
    }
    result.series.resize(shape_.intervals);
    result.links.tail.resize(shape_.tail_links);
    return result;
}

void RunFrame::set_times(PhaseResult& result, std::size_t phase, std::int64_t ran_ns,
                         bool cut) const {
    if (closed_loop_) {
        // A drain goes on past the end, and Ctrl-C may come before it.
        result.duration =
            std::chrono::nanoseconds(std::min(timetable_.curve().duration_ns(), ran_ns));
        return;
    }
    const std::int64_t begin = timetable_.curve().start_of_ns(phase);
    const std::int64_t end =
        cut ? std::min(timetable_.curve().end_of_ns(phase), std::max(ran_ns, begin))
            : timetable_.curve().end_of_ns(phase);
    result.start = std::chrono::nanoseconds(begin);
    result.duration = std::chrono::nanoseconds(end - begin);
    const double seconds = static_cast<double>(timetable_.curve().end_of_ns(phase) - begin) / 1e9;
    result.target_rate_per_s =
        seconds > 0 ? static_cast<double>(timetable_.count_of(phase)) / seconds : 0;
}

void RunFrame::finish(RunResult& result, std::int64_t ran_ns, bool cut) const {
    result.interrupted = cut;
    result.duration = std::chrono::nanoseconds(ran_ns);
    for (std::size_t phase = 0; phase < result.phases.size(); ++phase) {
        set_times(result.phases[phase], phase, ran_ns, cut);
    }
    const auto used = static_cast<std::size_t>(ran_ns / shape_.interval_ns) + 1;
    if (used < result.series.size()) result.series.resize(used);
    if (!cut) return;
    // A phase of which nothing came due was never reached.
    while (!result.phases.empty() && result.phases.back().accounting.scheduled == 0) {
        result.phases.pop_back();
    }
}

}  // namespace qck::record
