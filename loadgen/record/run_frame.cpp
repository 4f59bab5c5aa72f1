#include "loadgen/record/run_frame.hpp"

#include <algorithm>
#include <optional>

namespace qck::record {
namespace {

/// An interval with fewer requests than this has no median to tell a trend by.
constexpr std::uint64_t requests_for_median = 20;

/// Of the requests that did not time out (those that did are missing from the answers already);
/// nothing where they are few, or the smaller part.
std::optional<std::int64_t> median_in_time_ns(const stats::CoarseHistogram& latency,
                                              std::int64_t timeout_ns) {
    std::uint64_t in_time = 0;
    const auto is_in_time = [timeout_ns](std::uint64_t top_ns) {
        return timeout_ns <= 0 || top_ns < static_cast<std::uint64_t>(timeout_ns);
    };
    latency.for_each([&](std::uint64_t top_ns, std::uint64_t count) {
        if (is_in_time(top_ns)) in_time += count;
    });
    if (in_time < requests_for_median || in_time * 2 < latency.count()) return std::nullopt;
    std::int64_t median_ns = 0;
    std::uint64_t seen = 0;
    latency.for_each([&](std::uint64_t top_ns, std::uint64_t count) {
        if (seen * 2 < in_time) median_ns = static_cast<std::int64_t>(top_ns);
        seen += count;
    });
    return median_ns;
}

}  // namespace

RunFrame::RunFrame(const scenario::Plan& plan, const schedule::Timetable& timetable,
                   bool closed_loop)
    : plan_(plan),
      timetable_(timetable),
      closed_loop_(closed_loop),
      shape_(RecordShape::of(closed_loop ? 1 : plan.phases.size(), timetable.curve().duration_ns(),
                             plan.timeout.count(), plan.links.tail_count)) {
    // Of one kind all figures stand already.
    if (plan.requests.size() > 1) shape_.kinds = plan.requests.size();
    // Where no kind says what it expects, nothing is looked up.
    const auto says = [](const auto& kind) { return !kind.expect.empty(); };
    if (std::none_of(plan.requests.begin(), plan.requests.end(), says)) return;
    for (const scenario::RequestKind& kind : plan.requests) shape_.expect.push_back(kind.expect);
}

RunResult RunFrame::empty() const {
    RunResult result;
    result.closed_loop = closed_loop_;
    result.planned = std::chrono::nanoseconds(timetable_.curve().duration_ns());
    result.interval = std::chrono::nanoseconds(shape_.interval_ns);
    for (std::size_t phase = 0; phase < shape_.phases; ++phase) {
        result.phases.emplace_back().name = plan_.phases[phase].name;
    }
    result.series.resize(shape_.intervals);
    result.kinds.resize(shape_.kinds);
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

void RunFrame::set_overtime(RunResult& run, std::size_t phase) const {
    PhaseResult& result = run.phases[phase];
    const auto at = [&](std::int64_t ns) {
        return std::min(static_cast<std::size_t>(ns / shape_.interval_ns), run.series.size());
    };
    const std::int64_t begin = result.start.count();
    const std::int64_t end = begin + result.duration.count();
    const std::int64_t almost = shape_.interval_ns - 1;
    if (closed_loop_) {
        result.answered_after = 0;
        for (std::size_t i = at(end + almost); i < run.series.size(); ++i) {
            result.answered_after += run.series[i].answered;
        }
        return;
    }
    const std::size_t first = at(begin + almost);
    const std::size_t past = at(end);
    if (first >= past) return;
    const auto from_ns = median_in_time_ns(run.series[first].latency, plan_.timeout.count());
    const auto to_ns = median_in_time_ns(run.series[past - 1].latency, plan_.timeout.count());
    if (from_ns && to_ns) {
        result.overtime = std::chrono::nanoseconds(std::max<std::int64_t>(*to_ns - *from_ns, 0));
    }
}

void RunFrame::finish(RunResult& result, std::int64_t ran_ns, bool cut) const {
    result.interrupted = cut;
    result.duration = std::chrono::nanoseconds(ran_ns);
    for (std::size_t phase = 0; phase < result.phases.size(); ++phase) {
        set_times(result.phases[phase], phase, ran_ns, cut);
    }
    const auto used = static_cast<std::size_t>(ran_ns / shape_.interval_ns) + 1;
    if (used < result.series.size()) result.series.resize(used);
    for (std::size_t phase = 0; phase < result.phases.size(); ++phase) set_overtime(result, phase);
    if (!cut) return;
    // A phase of which nothing came due was never reached.
    while (!result.phases.empty() && result.phases.back().accounting.scheduled == 0) {
        result.phases.pop_back();
    }
}

}  // namespace qck::record
