#include "loadgen/search/rest.hpp"

#include <algorithm>

#include "loadgen/report/slo.hpp"

namespace qck::search {
namespace {

constexpr std::chrono::milliseconds probe_length{250};
constexpr double probe_share = 0.1;
constexpr double probe_least_per_s = 4;
constexpr double probe_most_per_s = 40;
constexpr std::chrono::milliseconds slack{1};

}  // namespace

scenario::Plan probe_of(const scenario::Plan& plan, double per_s) {
    scenario::Plan probe = plan;
    scenario::Phase phase;
    phase.name = "probe";
    phase.rate_from_per_s = std::clamp(per_s * probe_share, probe_least_per_s, probe_most_per_s);
    phase.rate_to_per_s = phase.rate_from_per_s;
    phase.duration = probe_length;
    probe.phases = {phase};
    return probe;
}

Rest rest_of(const record::RunResult& probe) {
    Rest rest;
    report::Slo median;
    median.metric = report::Slo::Metric::percentile;
    median.percentile = 0.5;
    const report::Objective latency = report::evaluate(median, probe);
    if (latency.measured) {
        rest.p50 = std::chrono::nanoseconds(static_cast<std::int64_t>(latency.value * 1e3));
    }
    report::Slo errors;
    errors.metric = report::Slo::Metric::errors;
    const report::Objective share = report::evaluate(errors, probe);
    rest.errors = share.measured ? share.value : 1;
    return rest;
}

bool is_at_rest(const Rest& probe, const Rest& before) {
    return probe.p50 <= 2 * before.p50 + slack && probe.errors <= before.errors;
}

}  // namespace qck::search
