#include <algorithm>

#include "base/whole_file.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/bench_orchestrator.hpp"
#include "loadgen/scenario/json_document.hpp"
#include "loadgen/scenario/loader.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::commands {
namespace {

constexpr double viral_peak_per_s = 10e6;
constexpr std::chrono::nanoseconds duration_default = std::chrono::seconds(10);
constexpr std::chrono::nanoseconds own_timeout_default = std::chrono::seconds(10);
/// A search sets its rate itself.
constexpr const char* search_lever = "the rate";
/// Steps that are too fast are to end soon.
constexpr std::chrono::nanoseconds search_timeout_default = std::chrono::seconds(2);

/// One phase and one request: what `constant` and `max` offer.
scenario::Plan simple_plan(const BenchOptions& options) {
    scenario::Plan plan;
    plan.name = mode_name(options.mode);
    scenario::Phase phase;
    phase.name = plan.name;
    phase.rate_from_per_s = options.rate_per_s.value_or(0);
    phase.rate_to_per_s = phase.rate_from_per_s;
    phase.duration = options.duration.value_or(duration_default);
    plan.phases.push_back(phase);
    scenario::RequestKind kind;
    kind.name = "get";
    plan.requests.push_back(kind);
    plan.timeout = own_timeout_default;
    return plan;
}

/// A closed loop is as fast as its connections get answers.
scenario::Plan max_plan(const BenchOptions& options) {
    scenario::Plan plan = simple_plan(options);
    plan.lever.name = "--connections";
    return plan;
}

Result<scenario::Plan> plan_of_file(const std::string& file) {
    // What makes it may be slow to start: bench run <(make-scenario).
    const auto text =
        read_file_or_pipe(file, scenario::JsonLimits{}.bytes_max, std::chrono::seconds(10));
    // A file that is not there is a wrong argument, like one that is wrong inside.
    if (!text) return error(Errc::invalid_argument, "scenario: " + text.error().message);
    return scenario::parse(*text, file);
}

/// The requests of a scenario file, in one phase whose rate each step sets.
Result<scenario::Plan> search_plan(const BenchOptions& options) {
    if (options.scenario_file.empty()) {
        scenario::Plan plan = simple_plan(options);
        plan.timeout = search_timeout_default;
        plan.lever.name = search_lever;
        return plan;
    }
    auto plan = plan_of_file(options.scenario_file);
    if (!plan) return plan;
    scenario::Phase phase;
    phase.name = mode_name(options.mode);
    phase.duration = options.search.step;
    plan->phases = {phase};
    plan->lever.name = search_lever;
    return plan;
}

/// What is asked for, and how fast, the log says as it is read.
scenario::Plan replay_plan(const BenchOptions& options) {
    scenario::Plan plan = simple_plan(options);
    plan.requests.front().path = "/{n}";
    plan.lever = {"--speed", options.speed};
    return plan;
}

Result<scenario::Plan> nominal_plan(const BenchOptions& options) {
    switch (options.mode) {
        case BenchMode::constant:
            return simple_plan(options);
        case BenchMode::max:
            return max_plan(options);
        case BenchMode::viral:
            return scenario::scale_to_peak(scenario::viral_burst(),
                                           options.rate_per_s.value_or(viral_peak_per_s));
        case BenchMode::search:
            return search_plan(options);
        case BenchMode::orchestrator:
            return crowd_plan(options);
        case BenchMode::replay:
            return replay_plan(options);
        case BenchMode::run:
            break;
    }
    auto plan = plan_of_file(options.scenario_file);
    if (!plan) return plan;
    if (!options.rate_per_s) return plan;
    return scenario::scale_to_peak(std::move(*plan), *options.rate_per_s);
}

}  // namespace

const char* mode_name(BenchMode mode) {
    switch (mode) {
        case BenchMode::viral:
            return "viral";
        case BenchMode::run:
            return "run";
        case BenchMode::constant:
            return "constant";
        case BenchMode::max:
            return "max";
        case BenchMode::search:
            return "search";
        case BenchMode::orchestrator:
            return "orchestrator";
        case BenchMode::replay:
            return "replay";
    }
    return "";
}

Result<scenario::Plan> plan_of(const BenchOptions& options) {
    auto plan = nominal_plan(options);
    if (plan && options.compress > 1) {
        plan = scenario::compress_time(std::move(*plan), options.compress);
    }
    if (!plan) return plan;
    if (options.connections) plan->connections = *options.connections;
    if (options.pipeline) plan->pipeline = *options.pipeline;
    if (options.timeout) plan->timeout = *options.timeout;
    if (options.seed) plan->seed = *options.seed;
    if (options.poisson) plan->arrival = scenario::Arrival::poisson;
    std::vector<std::string> names;
    for (const scenario::Phase& phase : plan->phases) names.push_back(phase.name);
    for (const report::Slo& objective : options.objectives) {
        if (auto known = report::check_phase(objective, names); !known) {
            return error(Errc::invalid_argument, "--slo: " + known.error().message);
        }
    }
    return plan;
}

bool has_paths(const BenchOptions& options) {
    return !options.scenario_file.empty() || options.mode == BenchMode::replay;
}

void aim_at_path(scenario::Plan& plan, const BenchOptions& options, const std::string& path) {
    const bool viral = options.mode == BenchMode::viral;
    const bool crowd = options.mode == BenchMode::orchestrator;
    const bool as_it_stands = !viral && !has_paths(options) && !(crowd && path == "/");
    if (path == "/" && !as_it_stands) return;
    const auto slash = path.rfind('/');
    const std::string last = path.substr(slash + 1);
    const bool is_code = !last.empty() && last.find_first_of("?{}") == std::string::npos;
    std::string prefix = path;
    if (viral && is_code) {
        plan.links.hot = last;
        prefix = path.substr(0, slash);
    } else if (as_it_stands) {
        if (crowd) {
            plan.links.hot_share = 1;
            plan.links.tail_count = 0;
        }
        // A path of one part may be a link, and its answers are then counted as the link's.
        if (slash == 0 && is_code) {
            plan.links.hot = last;
            plan.requests.front().path = "/{link}";
        } else {
            plan.requests.front().path = path;
        }
        return;
    }
    if (prefix.ends_with('/')) prefix.pop_back();
    for (scenario::RequestKind& kind : plan.requests) kind.path = prefix + kind.path;
}

}  // namespace qck::commands
