#include "cli/commands/bench_fit.hpp"

#include <algorithm>
#include <cmath>

#include "base/units.hpp"

namespace qck::commands {
namespace {

constexpr std::chrono::milliseconds calibration_length{1'500};
/// Ethernet, IPv4 and TCP with timestamps: what a message costs on the wire besides itself.
constexpr double frame_bytes = 14 + 20 + 32;

}  // namespace

scenario::Plan calibration_plan(const scenario::Plan& plan) {
    scenario::Plan load = plan;
    scenario::Phase phase;
    phase.name = "calibration";
    phase.rate_from_per_s = phase.rate_to_per_s = 1;
    phase.duration = calibration_length;
    load.phases = {phase};
    load.users.reset();
    std::erase_if(load.requests, [](const auto& kind) { return kind.to_api; });
    return load;
}

Result<Calibration> calibrate(const scenario::Plan& plan, const engine::EngineConfig& config,
                              const InterruptWatch& interrupts) {
    engine::EngineConfig closed = config;
    closed.closed_loop = true;
    auto engine = engine::Engine::start(calibration_plan(plan), std::move(closed));
    if (!engine) return engine.error();
    while (!(*engine)->wait_for(std::chrono::milliseconds(20))) {
        if (interrupts.count() > 0) {
            return error(Errc::unavailable, "interrupted while it was calibrated");
        }
    }
    auto run = (*engine)->finish();
    if (!run) return run.error();
    return calibration_of(*run, config.target.origin());
}

Result<Calibration> calibration_of(const record::RunResult& run, const std::string& origin) {
    Calibration calibration;
    calibration.accounting = run.total();
    calibration.links = run.links;
    calibration.counts.add(run);
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

double scale_for(double peak_per_s, double calibrated_per_s) {
    // A peak that fits but for rounding fits.
    return std::max(std::ceil(peak_per_s / (calibrated_per_s * safe_share) - 1e-9), 1.0);
}

std::string calibration_text(const Calibration& calibration) {
    return calibration.who + " " + format_rate(calibration.rate_per_s) + "/s to this target";
}

std::string full_rate_text(const Calibration& calibration, double peak_per_s) {
    const double cores = std::ceil(peak_per_s * calibration.cpu_s_per_request / safe_share);
    const double gigabits = peak_per_s * calibration.bytes_per_request * 8 / 1e9;
    return "the full " + format_rate(peak_per_s) + "/s would take " +
           std::to_string(static_cast<long long>(cores)) + " generator cores and " +
           format_rate(std::max(gigabits, 0.001)) + " Gbit/s each way";
}

}  // namespace qck::commands
