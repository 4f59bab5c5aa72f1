#pragma once

#include <string>
#include <string_view>

#include "loadgen/record/run_result.hpp"
#include "loadgen/report/report.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::report {

/// What can be said of a run's verdict while it goes.
struct VerdictSoFar {
    enum class Tone : std::uint8_t { none, good, bad };
    Tone tone = Tone::none;
    std::string text;  ///< "VALID so far", "only 93.1 % of what came due was sent"
};
/// From the counters of the whole run: that they miss what judge() asks for, or do not yet. A phase
/// that fell short may be hidden by the others until the end. Pure.
VerdictSoFar verdict_so_far(const record::Progress& progress);

/// What the live page is told, each one line of JSON (every control character in it is escaped, so
/// a line can be an event's data). Strings that are no UTF-8 have U+FFFD in them. Pure.
///
/// Once, before the first state of a run: scenario, description, target, note, planned_s, and
/// phases as {name, start, end, from, to} in seconds and requests per second.
std::string live_head(const scenario::Plan& plan, std::string_view target, std::string_view note);
/// A run in flight: where it is, rates, accounting, percentiles of the last second or so (`latency`
/// is null where nothing was due), connections, the verdict so far.
std::string live_state(const scenario::Plan& plan, const record::Progress& progress);
/// Its agents: how many, how many were lost, and the first `live_agents_max` of them, the lost ones
/// first. Empty where there are none.
std::string live_agents(const record::Progress& progress);
inline constexpr std::size_t live_agents_max = 100;
/// Its end: status, conclusion, and `html`, the text of its report as a page.
std::string live_end(std::string_view status, std::string_view conclusion, std::string_view html);

}  // namespace qck::report
