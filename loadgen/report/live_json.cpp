#include "loadgen/report/live_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/units.hpp"
#include "loadgen/report/verdict.hpp"

namespace qck::report {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

double seconds_of(std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
}

double rounded(double value) { return std::round(value * 10) / 10; }

/// `93.1 %`; never `99.0 %` or more of what is too little.
std::string percents(double share) {
    char text[16];
    std::snprintf(text, sizeof text, "%.1f %%", std::floor(share * 1000) / 10);
    return text;
}

/// Whether `part` is too small a share of `whole`; one that is missing alone is not held against
/// it.
bool falls_short(std::uint64_t part, std::uint64_t whole) {
    return whole > part + 1 &&
           static_cast<double>(part) < achieved_share_min * static_cast<double>(whole);
}

double part_of(std::uint64_t part, std::uint64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
}

Json latency_of(const record::Progress& progress) {
    if (progress.recent.count() == 0) return nullptr;
    const auto micros = [&](double share) {
        return static_cast<double>(progress.recent.percentile_ns(share)) / 1e3;
    };
    return {{"p50", micros(0.5)},
            {"p90", micros(0.9)},
            {"p99", micros(0.99)},
            {"p999", micros(0.999)},
            {"max", static_cast<double>(progress.recent.max_ns()) / 1e3}};
}

Json accounting_of(const record::Accounting& a) {
    const std::uint64_t ended = a.answered + a.failed + a.timed_out;
    return {{"scheduled", a.scheduled},
            {"sent", a.sent},
            {"unsent", a.unsent},
            {"answered", a.answered},
            {"failed", a.failed},
            {"timed_out", a.timed_out},
            {"in_flight", a.sent > ended ? a.sent - ended : 0}};
}

const char* name_of(VerdictSoFar::Tone tone) {
    switch (tone) {
        case VerdictSoFar::Tone::good:
            return "good";
        case VerdictSoFar::Tone::bad:
            return "bad";
        case VerdictSoFar::Tone::none:
            break;
    }
    return "none";
}

}  // namespace

VerdictSoFar verdict_so_far(const record::Progress& progress) {
    using Tone = VerdictSoFar::Tone;
    const record::Accounting& a = progress.so_far;
    if (progress.elapsed.count() < 0) return {Tone::none, "connecting"};
    const auto lost = std::count_if(progress.agents.begin(), progress.agents.end(),
                                    [](const record::AgentProgress& one) { return one.lost; });
    // In a closed loop nothing comes due: what can be sent is.
    if (falls_short(a.sent, a.scheduled)) {
        return {Tone::bad,
                "only " + percents(part_of(a.sent, a.scheduled)) + " of what came due was sent"};
    }
    const std::uint64_t ended = a.answered + a.failed + a.timed_out + a.unsent;
    if (falls_short(a.answered, ended)) {
        return {Tone::bad,
                "only " + percents(part_of(a.answered, ended)) + " of what has ended was answered"};
    }
    if (ended == 0) return {Tone::none, "nothing answered yet"};
    std::string text = "VALID so far";
    if (lost > 0) {
        text += ", " + std::to_string(lost) + (lost == 1 ? " agent" : " agents") + " lost";
    }
    return {Tone::good, text};
}

std::string live_head(const scenario::Plan& plan, std::string_view target, std::string_view note) {
    Json phases = Json::array();
    std::chrono::nanoseconds at{};
    for (const scenario::Phase& phase : plan.phases) {
        phases.push_back({{"name", phase.name},
                          {"start", seconds_of(at)},
                          {"end", seconds_of(at + phase.duration)},
                          {"from", rounded(phase.rate_from_per_s)},
                          {"to", rounded(phase.rate_to_per_s)}});
        at += phase.duration;
    }
    return line_of({{"scenario", plan.name},
                    {"description", plan.description},
                    {"target", std::string(target)},
                    {"note", std::string(note)},
                    {"planned_s", seconds_of(at)},
                    {"phases", std::move(phases)}});
}

std::string live_state(const scenario::Plan& plan, const record::Progress& progress) {
    const VerdictSoFar verdict = verdict_so_far(progress);
    Json connections = {{"open", progress.connections_open},
                        {"wanted", progress.connections_wanted},
                        {"failures", progress.connect_failures}};
    if (progress.connect_failures > 0) {
        connections["cause"] = record::cause_name(progress.connect_cause);
    }
    std::string phase;
    if (!plan.phases.empty()) {
        phase = plan.phases[std::min(progress.phase, plan.phases.size() - 1)].name;
    }
    return line_of({{"elapsed_s", seconds_of(progress.elapsed)},
                    {"planned_s", seconds_of(progress.planned)},
                    {"connecting", progress.elapsed.count() < 0},
                    {"draining", progress.draining},
                    {"phase", phase},
                    {"phase_number", progress.phase + 1},
                    {"phases", plan.phases.size()},
                    {"phase_left_s", seconds_of(progress.phase_left)},
                    {"target_rate", rounded(progress.target_rate_per_s)},
                    {"sent_rate", rounded(progress.sent_rate_per_s)},
                    {"answered_rate", rounded(progress.answered_rate_per_s)},
                    {"accounting", accounting_of(progress.so_far)},
                    {"latency_us", latency_of(progress)},
                    {"connections", std::move(connections)},
                    {"verdict", {{"tone", name_of(verdict.tone)}, {"text", verdict.text}}}});
}

std::string live_agents(const record::Progress& progress) {
    if (progress.agents.empty()) return {};
    std::vector<const record::AgentProgress*> order;
    for (const record::AgentProgress& agent : progress.agents) order.push_back(&agent);
    const auto alive = std::stable_partition(
        order.begin(), order.end(), [](const record::AgentProgress* one) { return one->lost; });
    Json shown = Json::array();
    for (std::size_t at = 0; at < std::min(order.size(), live_agents_max); ++at) {
        const record::AgentProgress& agent = *order[at];
        shown.push_back({{"name", agent.name},
                         {"address", agent.address},
                         {"sent", agent.sent},
                         {"answered", agent.answered},
                         {"connections", agent.connections_open},
                         {"lost", agent.lost},
                         {"why", agent.lost_why}});
    }
    return line_of(
        {{"count", order.size()}, {"lost", alive - order.begin()}, {"shown", std::move(shown)}});
}

std::string live_end(std::string_view status, std::string_view conclusion, std::string_view html) {
    return line_of({{"status", std::string(status)},
                    {"conclusion", std::string(conclusion)},
                    {"html", std::string(html)}});
}

}  // namespace qck::report
