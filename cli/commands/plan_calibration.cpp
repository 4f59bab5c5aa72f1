#include "cli/commands/plan_calibration.hpp"

#include <algorithm>
#include "cli/commands/bench_fit.hpp"
#include "cli/commands/bench_setup.hpp"
#include "cli/commands/bench_target.hpp"
#include "cli/commands/interrupt_watch.hpp"

namespace qck::commands {
namespace {

std::string cores_text(std::size_t cores) {
    return std::to_string(cores) + (cores == 1 ? " core" : " cores");
}

Result<void> take(const Calibration& measured, const BenchTarget& target,
                  const Placement& placement, planner::Assumptions& given) {
    using planner::Given;
    const std::string where = "measured here against " + target.target.origin();
    if (auto set = given.set(Given::generator_rate_per_core, 1 / measured.cpu_s_per_request,
                             where + ", by the CPU time of a request");
        !set) {
        return set;
    }
    if (auto set = given.set(Given::request_bytes, measured.sent_bytes_per_request, where); !set) {
        return set;
    }
    if (auto set = given.set(Given::answer_bytes, measured.received_bytes_per_request, where);
        !set) {
        return set;
    }
    if (!target.embedded) return {};
    return given.set(Given::redirect_rate, measured.rate_per_s,
                     "measured here: qck serve on " +
                         cores_text(std::max<std::size_t>(placement.service.cpus.size(), 1)) +
                         " beside the generator");
}

}  // namespace

Result<void> calibrate_plan(const std::string& target, planner::Assumptions& given) {
    BenchOptions options;
    options.mode = BenchMode::max;
    options.target = target;
    options.serve = target.empty();
    InterruptWatch interrupts;
    auto plan = plan_of(options);
    if (!plan) return plan.error();
    const Placement placement = place(options, *plan);
    auto prepared = prepare_target(options, *plan, placement.service, interrupts);
    if (!prepared) return prepared.error();
    auto measured =
        calibrate(*plan, {}, engine_config(options, prepared->target, placement), interrupts);
    if (!measured) return measured.error();
    if (!(measured->cpu_s_per_request > 0)) {
        return error(Errc::unavailable, "--calibrate: nothing could be measured");
    }
    return take(*measured, *prepared, placement, given);
}

}  // namespace qck::commands
