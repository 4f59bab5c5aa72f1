#include "cli/commands/bench.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/units.hpp"
#include "cli/commands/bench_arrivals.hpp"
#include "cli/commands/bench_count.hpp"
#include "cli/commands/bench_fit.hpp"
#include "cli/commands/bench_fleet.hpp"
#include "cli/commands/bench_metrics.hpp"
#include "cli/commands/bench_options.hpp"
#include "cli/commands/bench_reconcile.hpp"
#include "cli/commands/bench_repeat.hpp"
#include "cli/commands/bench_replay.hpp"
#include "cli/commands/bench_run.hpp"
#include "cli/commands/bench_setup.hpp"
#include "cli/commands/bench_target.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/live_view.hpp"
#include "cli/commands/run_directory.hpp"
#include "cli/commands/service_load.hpp"
#include "cli/commands/typed_command.hpp"
#include "cli/commands/visibility_probe.hpp"
#include "cli/render/run_summary.hpp"
#include "loadgen/report/report_html.hpp"
#include "loadgen/report/report_json.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::commands {
namespace {

constexpr const char* bench_command = "qck bench";
/// Of the peak: so much is looked for where only the shares of agents depend on it.
constexpr double beyond_peak = 1.2;

/// Calibrates, and scales the plan to what can be offered (viral only). What was asked before the
/// run is left in `calibration`.
Result<void> fit(const BenchOptions& options, const engine::EngineConfig& config, BenchFleet* fleet,
                 scenario::Plan& plan, report::RunContext& context,
                 std::optional<Calibration>& calibration, const InterruptWatch& interrupts) {
    // Agents calibrate before whatever has a rate: their shares of it are by what they can offer.
    const bool has_rate = options.mode != BenchMode::max;
    const bool alone = options.mode == BenchMode::viral || options.mode == BenchMode::orchestrator;
    if (!alone && !(fleet != nullptr && has_rate)) return {};
    const bool asks_target = std::any_of(plan.requests.begin(), plan.requests.end(),
                                         [](const auto& kind) { return !kind.to_api; });
    if (!asks_target) return {};
    const double peak = scenario::peak_rate_of(plan);
    const double enough = options.mode == BenchMode::viral ? peak / safe_share : peak * beyond_peak;
    auto measured = fleet != nullptr ? fleet->calibrate(plan, enough, config.target, interrupts)
                                     : calibrate(plan, enough, config, interrupts);
    if (!measured) return measured.error();
    calibration = *measured;
    context.calibration = calibration_text(*measured);
    if (options.mode != BenchMode::viral) return {};
    context.scale = scale_for(peak, measured->rate_per_s);
    if (context.scale == 1) return {};
    context.scale_note = full_rate_text(*measured, peak);
    if (options.strict) {
        return error(Errc::unavailable, "--strict: " + context.calibration + ", and " +
                                            format_rate(peak) + "/s was asked for; " +
                                            context.scale_note);
    }
    auto scaled = scenario::scale_rates(std::move(plan), 1 / context.scale);
    if (!scaled) return scaled.error();
    plan = std::move(*scaled);
    return {};
}

Exit exit_of(const report::Report& report) {
    // Part of a run meets no objective, and an invalid one measured none.
    if (report.verdict.status != report::Status::valid) return Exit::run_invalid;
    if (!report.reconcile_failure.empty()) return Exit::could_not_run;
    const bool missed =
        std::any_of(report.objectives.begin(), report.objectives.end(),
                    [](const report::Objective& objective) { return !objective.pass; });
    const bool drift = (report.reconcile && report.reconcile->difference != 0) ||
                       (report.target_count && report.target_count->difference != 0);
    return missed || drift ? Exit::check_failed : Exit::good;
}

/// On stderr, for who asked for no output: why the run is not VALID and what to do, or what failed.
void say_what_failed(const report::Report& report) {
    const report::Verdict& verdict = report.verdict;
    const auto say = [](const std::string& text) {
        std::fprintf(stderr, "%s: %s\n", bench_command, text.c_str());
    };
    const auto joined = [](const std::vector<std::string>& all, const char* between) {
        std::string text;
        for (const std::string& one : all) text += (text.empty() ? "" : between) + one;
        return text;
    };
    if (verdict.status != report::Status::valid) {
        say(std::string(to_string(verdict.status)) + ": " + joined(verdict.reasons, "; "));
        if (!verdict.advice.empty()) say(joined(verdict.advice, " "));
        return;
    }
    for (const report::Objective& objective : report.objectives) {
        if (!objective.pass) {
            say("missed: " + objective.expression + " (" + report::shown_value(objective) + ")");
        }
    }
    if (report.reconcile && report.reconcile->difference != 0) {
        say("the counts differ from what was answered by " +
            std::to_string(report.reconcile->difference));
    }
    if (report.target_count && report.target_count->difference != 0) {
        say("the target's own count differs from what was answered by " +
            std::to_string(report.target_count->difference));
    }
}

/// Writes and prints what was measured, whatever may have gone wrong with the counts.
Result<void> tell(const BenchOptions& options, const report::Report& report,
                  const record::RunResult& run, const std::string& directory,
                  const render::Terminal& terminal) {
    auto written = report::write_report(report, directory);
    if (written) written = report::write_hgrm(run, directory);
    if (written) written = report::write_exports(report, directory);
    if (options.json) {
        std::fputs((report::to_json(report) + "\n").c_str(), stdout);
    } else if (!options.quiet) {
        const std::string path = written ? directory + "/report.html" : "";
        std::fputs(render::run_summary(report, path, terminal).c_str(), stdout);
    } else {
        say_what_failed(report);
    }
    if (!report.reconcile_failure.empty()) {
        std::fprintf(stderr, "%s: the counts were not compared: %s\n", bench_command,
                     report.reconcile_failure.c_str());
    }
    return written;
}

/// A run that is to be made, and what it is made of.
struct Bench {
    scenario::Plan plan;
    std::optional<LogReplay> replay;
    Placement placement;
    std::optional<BenchTarget> target;
    engine::EngineConfig config;
    std::optional<client::RestConfig> arrivals;  ///< where the target says how requests arrived
    std::string arrivals_failure;                ///< why that is not known; else empty
    std::unique_ptr<BenchMetrics> metrics;
    CountBefore counted;
    std::unique_ptr<BenchFleet> fleet;
    report::RunContext context;
    std::optional<Calibration> calibration;
};

Result<void> plan_run(const BenchOptions& options, Bench& bench) {
    auto nominal = plan_of(options);
    if (!nominal) return nominal.error();
    bench.plan = std::move(*nominal);
    if (options.mode != BenchMode::replay) return {};
    auto opened = LogReplay::open(options, bench.plan);
    if (!opened) return opened.error();
    bench.replay.emplace(std::move(*opened));
    return {};
}

/// All that comes before the load: the target, its count, agents and calibration.
Result<void> prepare(const BenchOptions& options, InterruptWatch& interrupts, Bench& bench) {
    bench.placement = place(options, bench.plan);
    auto prepared = prepare_target(options, bench.plan, bench.placement.service, interrupts);
    if (!prepared) return prepared.error();
    BenchTarget& target = bench.target.emplace(std::move(*prepared));
    bench.config = engine_config(options, target.target, bench.placement);
    bench.config.api = target.api;
    if (target.embedded) bench.config.service = target.embedded->process();
    auto arrivals = arrivals_of(options, target, interrupts);
    if (!arrivals) return arrivals.error();
    bench.arrivals = std::move(*arrivals);
    auto metrics = BenchMetrics::wanted_by(options);
    if (!metrics) return metrics.error();
    bench.metrics = std::move(*metrics);
    auto counted = count_before(options, interrupts);
    if (!counted) return counted.error();
    bench.counted = std::move(*counted);

    bench.context.target = target.target.origin() + target.target.path;
    bench.context.target_note = target.note;
    // Those of an embedded service go when it does.
    if (!target.embedded) bench.context.links_added = target.links_added;
    bench.context.compress = options.compress;
    bench.context.command = typed_command();
    auto fleet = BenchFleet::wanted_by(options, bench.plan, bench.placement, interrupts);
    if (!fleet) return fleet.error();
    bench.fleet = std::move(*fleet);
    if (bench.fleet && target.api) bench.fleet->use_api(target.api->origin());
    if (bench.fleet) bench.fleet->use_service(bench.config.service);
    return fit(options, bench.config, bench.fleet.get(), bench.plan, bench.context,
               bench.calibration, interrupts);
}

/// Clicks that are read back while the load runs; null where the service is not ours.
std::unique_ptr<VisibilityProbe> start_probe(const Bench& bench, const InterruptWatch& interrupts) {
    if (!bench.target->links_api) return nullptr;
    auto redirect = client::parse_service_url(bench.target->target.origin());
    if (!redirect) return nullptr;
    VisibilityProbe::Config config;
    config.api = *bench.target->links_api;
    config.redirect.service = std::move(*redirect);
    config.redirect.ca_file = config.api.ca_file;
    config.target_url = bench.plan.links.target_url;
    config.removes_link = !bench.target->embedded;
    return std::make_unique<VisibilityProbe>(std::move(config), interrupts);
}

/// Offers the load, and lets agents go.
Result<record::RunResult> offer(Bench& bench, const render::Terminal& progress,
                                const InterruptWatch& interrupts, LiveView* view) {
    if (view != nullptr) view->aim(bench.context.target, bench.context.target_note);
    const ProgressSink sink =
        both(BenchMetrics::sink_of(bench.metrics.get()), LiveView::sink_of(view));
    if (bench.replay) bench.config.feed = &bench.replay->start(bench.target->target);
    auto run = bench.fleet
                   ? bench.fleet->run(bench.plan, bench.target->target, progress, interrupts, sink)
                   : run_plan(bench.plan, bench.config, progress, interrupts, sink);
    bench.fleet.reset();
    if (run && bench.arrivals) {
        const auto taken = take_arrivals(*bench.arrivals, *run);
        if (!taken) bench.arrivals_failure = taken.error().message;
    }
    if (run && bench.replay) bench.replay->settle(bench.plan, *run);
    return run;
}

/// Of a log that could not be read to its end only a part was replayed.
void add_log(const LogReplay& replay, report::Report& report) {
    report.log = replay.report();
    const auto failure = replay.failure();
    if (!failure) return;
    report::Verdict& verdict = report.verdict;
    if (verdict.status == report::Status::valid) verdict.status = report::Status::invalid;
    if (verdict.culprit == report::Culprit::none) verdict.culprit = report::Culprit::generator;
    verdict.reasons.insert(verdict.reasons.begin(),
                           "the log was not read to its end (" + failure->message + ")");
}

/// Sets counts beside what was answered: those of an embedded service, and the target's own.
void compare_counts(const BenchOptions& options, Bench& bench, const record::RunResult& run,
                    const InterruptWatch& interrupts, report::Report& report) {
    if (bench.target->embedded) {
        auto counts = reconcile_embedded(*bench.target->embedded, bench.plan, run,
                                         bench.calibration, report.visible, interrupts);
        if (counts) {
            report.reconcile = std::move(*counts);
        } else {
            report.reconcile_failure = counts.error().message;
        }
    }
    compare_count(bench.counted, options, run, bench.calibration, report);
}

Result<Exit> run_bench_of(const BenchOptions& options, InterruptWatch& interrupts, LiveView* view) {
    const Terminals terminals = terminals_of(options);
    Bench bench;
    if (auto planned = plan_run(options, bench); !planned) return planned.error();
    // Before the run, which may take days, and not after it.
    const auto directory = options.out.empty()
                               ? RunDirectory::make_own(default_directory(bench.plan))
                               : RunDirectory::make(options.out);
    if (!directory) return directory.error();
    if (auto ready = prepare(options, interrupts, bench); !ready) return ready.error();
    if (!options.quiet) say_replaced(*directory, bench_command);
    if (!options.json && !options.quiet) {
        std::fputs(render::run_head(bench.plan, bench.context, terminals.out).c_str(), stdout);
        std::fflush(stdout);
    }
    std::optional<ServiceLoad> service_load;
    if (bench.target->embedded && bench.plan.users) {
        service_load.emplace(bench.target->embedded->process(), bench.placement);
    }
    auto probe = start_probe(bench, interrupts);
    auto run = offer(bench, terminals.progress, interrupts, view);
    std::optional<report::Visibility> visible;
    if (probe) visible = probe->finish();
    if (!run) return run.error();
    run->generator.shares_with_target = bench.placement.service.shared;
    report::Report report =
        report::make_report(bench.plan, *run, bench.context, options.objectives);
    report.visible = std::move(visible);
    if (options.admin_typed && !bench.arrivals_failure.empty()) {
        report.verdict.notes.push_back(
            "How requests arrived is not known from --admin: " + bench.arrivals_failure + ".");
    }
    if (service_load && report.verdict.status != report::Status::valid) {
        report.verdict.notes.push_back(service_load->note(*run));
    }
    if (bench.replay) add_log(*bench.replay, report);
    compare_counts(options, bench, *run, interrupts, report);
    directory->forget_search();
    auto told = tell(options, report, *run, directory->path(), terminals.out);
    if (view != nullptr) {
        view->end(report::to_string(report.verdict.status), report::conclusion_of(report),
                  report::to_html(report));
    }
    if (!told) return told.error();
    return exit_of(report);
}

Exit run_once(const BenchOptions& options, InterruptWatch& interrupts, LiveView* view) {
    const auto outcome = run_bench_of(options, interrupts, view);
    if (outcome) return *outcome;
    if (view != nullptr) view->end("FAILED", outcome.error().message, "");
    if (interrupts.count() == 0) return failed(bench_command, outcome.error());
    std::fprintf(stderr, "%s: interrupted before there was anything to report\n", bench_command);
    return Exit::run_invalid;
}

}  // namespace

Exit run_bench(const BenchOptions& options) {
    InterruptWatch interrupts;
    const auto view = LiveView::wanted_by(options, interrupts);
    if (!view) return failed(bench_command, view.error());
    const auto once = [&](const BenchOptions& one) {
        return run_once(one, interrupts, view->get());
    };
    return options.repeat <= 1 ? once(options) : run_repeated(options, interrupts, once);
}

}  // namespace qck::commands
