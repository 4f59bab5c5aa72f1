#include "cli/commands/bench_fit.hpp"

#include <algorithm>
#include <cmath>

#include "base/units.hpp"

namespace qck::commands {
namespace {

constexpr std::chrono::milliseconds calibration_length{1'500};
/// Ethernet, IPv4 and TCP with timestamps: what a message costs on the wire besides itself.
constexpr double frame_bytes = 14 + 20 + 32;

/// Of what was asked for in open loop: so much answered is all of it.
constexpr double answered_share = 0.95;
/// And it may have come so much later, of the length, than it was due.
constexpr double overtime_share_max = 0.05;
/// Requests beyond what can be offered wait no longer.
constexpr std::chrono::milliseconds paced_timeout{1'000};

/// A rate of 0 is that of a closed loop.
scenario::Plan calibration_plan(const scenario::Plan& plan, double rate_per_s) {
    scenario::Plan load = plan;
    scenario::Phase phase;
    phase.name = "calibration";
    phase.rate_from_per_s = phase.rate_to_per_s = rate_per_s > 0 ? rate_per_s : 1;
    phase.duration = calibration_length;
    load.phases = {phase};
    load.users.reset();
    if (rate_per_s > 0)
        load.timeout = std::min<std::chrono::nanoseconds>(load.timeout, paced_timeout);
    std::erase_if(load.requests, [](const auto& kind) { return kind.to_api; });
    return load;
}

/// What a run of that plan showed. Fails when it answered nothing.
Result<Calibration> calibration_of(const record::RunResult& run, const std::string& origin) {
    Calibration calibration;
    add_asked(calibration, run);
    const auto answered = static_cast<double>(calibration.accounting.answered);
    if (answered == 0) {
        return error(Errc::unavailable,
                     "cannot calibrate: " + origin + " answered nothing within 1.5 s");
    }
    const record::PhaseResult& measured = run.phases.front();
    calibration.rate_per_s = measured.achieved_rate_per_s();
    double cpu_s = 0;
    for (const record::ThreadResult& thread : run.generator.threads) {
        cpu_s += std::chrono::duration<double>(thread.cpu_time - thread.spin_time).count();
    }
    calibration.cpu_s_per_request = cpu_s / answered;
    calibration.sent_bytes_per_request =
        static_cast<double>(measured.bytes_sent) / answered + frame_bytes;
    calibration.received_bytes_per_request =
        static_cast<double>(measured.bytes_received) / answered + frame_bytes;
    calibration.bytes_per_request =
        std::max(calibration.sent_bytes_per_request, calibration.received_bytes_per_request);
    return calibration;
}

/// All that was due was answered, and not ever later.
bool was_enough(const record::RunResult& run) {
    const record::PhaseResult& phase = run.phases.front();
    const record::Accounting& a = phase.accounting;
    return static_cast<double>(a.answered) >= answered_share * static_cast<double>(a.scheduled) &&
           std::chrono::duration<double>(phase.overtime) <=
               overtime_share_max * std::chrono::duration<double>(phase.duration);
}

}  // namespace

void add_asked(Calibration& to, const record::RunResult& run) {
    to.accounting += run.total();
    to.counts.add(run);
    to.links.hot += run.links.hot;
    to.links.unknown += run.links.unknown;
    to.links.other += run.links.other;
    to.links.tail.resize(std::max(to.links.tail.size(), run.links.tail.size()));
    for (std::size_t at = 0; at < run.links.tail.size(); ++at) {
        to.links.tail[at] += run.links.tail[at];
    }
}

Result<Calibration> calibrate_by(const RunCalibration& run, const scenario::Plan& plan,
                                 std::optional<double> enough, const std::string& origin) {
    std::optional<record::RunResult> before;
    if (enough && *enough <= paced_per_s_max) {
        auto paced = run(calibration_plan(plan, *enough), false);
        if (!paced) return paced.error();
        auto calibration = calibration_of(*paced, origin);
        if (!calibration) return calibration;
        if (was_enough(*paced)) {
            calibration->rate_per_s = *enough;
            calibration->at_least = true;
            return calibration;
        }
        before = std::move(*paced);
    }
    const auto closed = run(calibration_plan(plan, 0), true);
    if (!closed) return closed.error();
    auto calibration = calibration_of(*closed, origin);
    if (calibration && before) add_asked(*calibration, *before);
    return calibration;
}

Result<Calibration> calibrate(const scenario::Plan& plan, std::optional<double> enough,
                              const engine::EngineConfig& config,
                              const InterruptWatch& interrupts) {
    const auto run = [&](const scenario::Plan& load,
                         bool closed_loop) -> Result<record::RunResult> {
        engine::EngineConfig own = config;
        own.closed_loop = closed_loop;
        auto engine = engine::Engine::start(load, std::move(own));
        if (!engine) return engine.error();
        while (!(*engine)->wait_for(std::chrono::milliseconds(20))) {
            if (interrupts.count() > 0) {
                return error(Errc::unavailable, "interrupted while it was calibrated");
            }
        }
        return (*engine)->finish();
    };
    return calibrate_by(run, plan, enough, config.target.origin());
}

double scale_for(double peak_per_s, double calibrated_per_s) {
    // A peak that fits but for rounding fits.
    return std::max(std::ceil(peak_per_s / (calibrated_per_s * safe_share) - 1e-9), 1.0);
}

std::string calibration_text(const Calibration& calibration) {
    return calibration.who + (calibration.at_least ? " at least " : " ") +
           format_rate(calibration.rate_per_s) + "/s to this target (" +
           format_count(calibration.accounting.sent) + " requests)";
}

std::string full_rate_text(const Calibration& calibration, double peak_per_s) {
    const double cores = std::ceil(peak_per_s * calibration.cpu_s_per_request / safe_share);
    const double gigabits = peak_per_s * calibration.bytes_per_request * 8 / 1e9;
    return "the full " + format_rate(peak_per_s) + "/s would take " +
           std::to_string(static_cast<long long>(cores)) + " generator cores and " +
           format_rate(std::max(gigabits, 0.001)) + " Gbit/s each way";
}

}  // namespace qck::commands
