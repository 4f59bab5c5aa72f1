#include "loadgen/scenario/transform.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/units.hpp"
#include "loadgen/scenario/limits.hpp"

namespace qck::scenario {
namespace {

double seconds(std::chrono::nanoseconds span) { return static_cast<double>(span.count()) / 1e9; }

/// The area under the phase's rate curve from its start to `at`.
double requests_within(const Phase& phase, std::chrono::nanoseconds at) {
    const double a = phase.rate_from_per_s;
    const double b = phase.rate_to_per_s;
    const double t = seconds(at);
    const double whole = seconds(phase.duration);
    if (phase.shape == Shape::ramp) return a * t + (b - a) * t * t / (2 * whole);
    // a·exp(-kt) integrated; where the ends meet k is 0, and the curve a line.
    if (phase.shape == Shape::decay && std::abs(a - b) > 1e-9 * a) {
        const double k = std::log(a / b) / whole;
        return -a / k * std::expm1(-k * t);
    }
    return a * t;
}

}  // namespace

std::string shown_total(double requests) {
    const auto count = static_cast<std::uint64_t>(std::min(requests, 9e18));
    const auto most = static_cast<std::uint64_t>(limits::total_requests_max);
    return format_count(count) + " requests, and a run may have " + format_count(most);
}

double requests_of(const Phase& phase) { return requests_within(phase, phase.duration); }

double requests_of(const Plan& plan) {
    double sum = 0;
    for (const Phase& phase : plan.phases) sum += requests_of(phase);
    return sum;
}

double requests_until(const Plan& plan, std::chrono::nanoseconds at) {
    double sum = 0;
    for (const Phase& phase : plan.phases) {
        if (at <= std::chrono::nanoseconds{}) break;
        sum += requests_within(phase, std::min(at, phase.duration));
        at -= phase.duration;
    }
    return sum;
}

double peak_rate_of(const Phase& phase) {
    return std::max(phase.rate_from_per_s, phase.rate_to_per_s);
}

double peak_rate_of(const Plan& plan) {
    double peak = 0;
    for (const Phase& phase : plan.phases) peak = std::max(peak, peak_rate_of(phase));
    return peak;
}

std::chrono::nanoseconds duration_of(const Plan& plan) {
    std::chrono::nanoseconds sum{};
    for (const Phase& phase : plan.phases) sum += phase.duration;
    return sum;
}

Result<Plan> scale_rates(Plan plan, double factor) {
    if (!(factor > 0) || !std::isfinite(factor)) {
        return error(Errc::invalid_argument, "rates can only be scaled by a factor above 0");
    }
    for (Phase& phase : plan.phases) {
        phase.rate_from_per_s *= factor;
        phase.rate_to_per_s *= factor;
    }
    plan.new_connections_per_s *= factor;
    if (peak_rate_of(plan) > limits::rate_max) {
        return error(
            Errc::invalid_argument,
            "the scaled peak of " + format_rate(peak_rate_of(plan)) + "/s is more than 1G/s");
    }
    if (requests_of(plan) > limits::total_requests_max) {
        return error(
            Errc::invalid_argument,
            "the scaled scenario asks for " + shown_total(requests_of(plan)) + " (lower the rate)");
    }
    return plan;
}

Result<Plan> scale_to_peak(Plan plan, double peak_per_s) {
    const double peak = peak_rate_of(plan);
    if (!(peak > 0)) return error(Errc::invalid_argument, "a plan without a rate has no peak");
    return scale_rates(std::move(plan), peak_per_s / peak);
}

Result<Plan> compress_time(Plan plan, double factor) {
    if (!(factor >= 1) || !std::isfinite(factor)) {
        return error(Errc::invalid_argument,
                     "time can only be compressed by a factor of 1 or more");
    }
    for (Phase& phase : plan.phases) {
        const double shorter = static_cast<double>(phase.duration.count()) / factor;
        phase.duration = std::chrono::nanoseconds(std::llround(shorter));
        if (phase.duration < std::chrono::milliseconds(1)) {
            return error(Errc::invalid_argument,
                         "compressed so far, phase " + phase.name +
                             " would be shorter than a millisecond (compress less)");
        }
    }
    return plan;
}

}  // namespace qck::scenario
