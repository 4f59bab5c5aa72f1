#include "cli/commands/bench_search.hpp"

#include <cstdio>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "base/whole_file.hpp"
#include "cli/commands/bench_arrivals.hpp"
#include "cli/commands/bench_fleet.hpp"
#include "cli/commands/bench_metrics.hpp"
#include "cli/commands/bench_reconcile.hpp"
#include "cli/commands/bench_run.hpp"
#include "cli/commands/bench_setup.hpp"
#include "cli/commands/bench_target.hpp"
#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/live_view.hpp"
#include "cli/commands/run_directory.hpp"
#include "cli/commands/typed_command.hpp"
#include "cli/render/run_summary.hpp"
#include "cli/render/search_lines.hpp"
#include "loadgen/report/report_json.hpp"
#include "loadgen/search/rest.hpp"
#include "loadgen/search/search_report.hpp"

namespace qck::commands {
namespace {

using search::Outcome;
using search::SearchStatus;

constexpr const char* search_command = "qck bench search";

/// Who offers the load of a search: this process, or the agents of a fleet.
struct Generator {
    const engine::EngineConfig& config;
    BenchFleet* fleet = nullptr;
    ProgressSink sink;
    const std::optional<client::RestConfig>& arrivals;  ///< who says how requests arrived
    std::string& arrivals_failure;                      ///< why that is not known

    Result<record::RunResult> run(const scenario::Plan& plan, const render::Terminal& progress,
                                  const InterruptWatch& interrupts) const {
        auto ran = fleet != nullptr ? fleet->run(plan, config.target, progress, interrupts, sink)
                                    : run_plan(plan, config, progress, interrupts, sink);
        if (!ran || !arrivals) return ran;
        if (const auto taken = take_arrivals(*arrivals, *ran); !taken) {
            arrivals_failure = taken.error().message;
        }
        return ran;
    }
};

/// One search: its target, its steps, and what is shown of them.
class RateSearch {
public:
    /// `asked`: what the target answered before the search.
    RateSearch(const BenchOptions& options, scenario::Plan plan, Generator generator,
               Calibration asked, const Terminals& terminals, const InterruptWatch& interrupts)
        : options_(options),
          plan_(std::move(plan)),
          generator_(generator),
          terminals_(terminals),
          interrupts_(interrupts),
          search_(options.search),
          before_last_(std::move(asked)) {
        report_.settings = options.search;
        report_.started_ms = wall_ms();
        report_.connections = plan_.connections;
        report_.pipeline = plan_.pipeline;
        report_.machine = report::this_machine();
        for (const report::Slo& slo : options.objectives) {
            report_.objectives.push_back(slo.expression);
        }
    }

    search::SearchReport& report() { return report_; }
    /// What all steps but the last asked for, to be reconciled with it; the last one's result.
    const Calibration& before_last() const { return before_last_; }
    const std::optional<record::RunResult>& last() const { return last_; }
    const std::optional<report::Report>& best() const { return best_; }
    const record::RunResult& best_run() const { return best_run_; }

    Result<void> run() {
        const bool shows = !options_.json && !options_.quiet;
        auto before = probe();
        if (!before) return before.error();
        bool at_rest = true;
        while (const auto step = search_.next()) {
            if (auto ran = run_step(*step); !ran) return ran;
            search::StepResult& result = report_.steps.back();
            result.began_at_rest = at_rest;
            if (shows) show(result);
            at_rest = true;
            if (result.outcome == Outcome::held || !search_.next()) continue;
            auto settled = settle(*before);
            if (!settled) return settled.error();
            at_rest = *settled;
        }
        search::take_status(report_, search_);
        return {};
    }

private:
    Result<void> run_step(const search::Step& step) {
        plan_.phases.front().rate_from_per_s = step.rate_per_s;
        plan_.phases.front().rate_to_per_s = step.rate_per_s;
        plan_.phases.front().duration = step.duration;
        auto run = generator_.run(plan_, terminals_.progress, interrupts_);
        if (!run) return run.error();
        report_.steps.push_back(search::result_of(step, *run, plan_, options_.objectives));
        const search::StepResult& result = report_.steps.back();
        search_.report(result.outcome);
        keep(step, std::move(*run), result.outcome);
        return {};
    }

    Result<search::Rest> probe() {
        const scenario::Plan plan = search::probe_of(plan_, options_.search.from_per_s);
        render::Terminal quiet = terminals_.progress;
        quiet.redraws = false;
        const auto run = generator_.run(plan, quiet, interrupts_);
        if (!run) return run.error();
        add_asked(before_last_, *run);
        return search::rest_of(*run);
    }

    /// What a step that failed left in the target's queues is none of the next one's: waits until
    /// the target answers as it did before the search. False when it does not in time.
    Result<bool> settle(const search::Rest& before) {
        const std::int64_t until = monotonic_ns() + options_.search.settle_max.count();
        while (interrupts_.count() == 0 && monotonic_ns() < until) {
            const auto rest = probe();
            if (!rest) return rest.error();
            if (search::is_at_rest(*rest, before)) return true;
        }
        return false;
    }

    void keep(const search::Step& step, record::RunResult run, Outcome outcome) {
        if (last_) add_asked(before_last_, *last_);
        // A held step replaces an earlier one: the search goes upward, and confirms what it found.
        if (outcome == Outcome::held && (!best_ || step.kind == search::StepKind::confirm ||
                                         step.rate_per_s > best_->nominal_peak_rate)) {
            best_ = report::make_report(plan_, run, report_.context, options_.objectives);
            if (best_->verdict.status == report::Status::invalid) {
                best_->verdict.notes.emplace_back(
                    "To the search this rate held all the same: it was offered and answered, and "
                    "requests that were sent late only have higher latencies.");
            }
            best_run_ = run;
        }
        last_ = std::move(run);
    }

    void show(const search::StepResult& step) const {
        std::fputs(render::search_step_line(report_.steps.size(), step, terminals_.out).c_str(),
                   stdout);
        std::fflush(stdout);
    }

    const BenchOptions& options_;
    scenario::Plan plan_;
    const Generator generator_;
    const Terminals& terminals_;
    const InterruptWatch& interrupts_;
    search::CapacitySearch search_;
    search::SearchReport report_;
    Calibration before_last_;
    std::optional<record::RunResult> last_;
    std::optional<report::Report> best_;
    record::RunResult best_run_;
};

Exit exit_of(const search::SearchReport& report) {
    switch (report.status) {
        case SearchStatus::found:
        case SearchStatus::reaches_limit:
            return Exit::good;
        case SearchStatus::none:
        case SearchStatus::unconfirmed:
            return Exit::check_failed;
        case SearchStatus::searching:
        case SearchStatus::generator_bound:
        case SearchStatus::interrupted:
            break;
    }
    return Exit::run_invalid;
}

Result<void> write_all(const RateSearch& search, const search::SearchReport& report,
                       const std::string& directory) {
    if (auto done = write_whole_file(directory + "/search.json", search::to_json(report)); !done) {
        return done;
    }
    if (auto done = write_whole_file(directory + "/search.html", search::to_html(report)); !done) {
        return done;
    }
    if (!search.best()) return {};
    if (auto done = report::write_report(*search.best(), directory); !done) return done;
    return report::write_hgrm(search.best_run(), directory);
}

/// The agents, calibrated, so that their shares are known; null when none are asked for.
Result<std::unique_ptr<BenchFleet>> gather_fleet(const BenchOptions& options,
                                                 const Placement& placement,
                                                 const scenario::Plan& plan,
                                                 const engine::Target& target, Calibration& asked,
                                                 const InterruptWatch& interrupts) {
    auto fleet = BenchFleet::wanted_by(options, plan, placement, interrupts);
    if (!fleet || !*fleet) return fleet;
    auto measured = (*fleet)->calibrate(plan, {}, target, interrupts);
    if (!measured) return measured.error();
    asked = std::move(*measured);
    return std::move(*fleet);
}

Result<Exit> look(const BenchOptions& options, InterruptWatch& interrupts, LiveView* view) {
    const Terminals terminals = terminals_of(options);
    auto plan = plan_of(options);
    if (!plan) return plan.error();
    const auto directory = options.out.empty() ? RunDirectory::make_own(default_directory(*plan))
                                               : RunDirectory::make(options.out);
    if (!directory) return directory.error();
    const Placement placement = place(options, *plan);
    auto prepared = prepare_target(options, *plan, placement.service, interrupts);
    if (!prepared) return prepared.error();

    engine::EngineConfig config = engine_config(options, prepared->target, placement);
    if (prepared->embedded) config.service = prepared->embedded->process();
    const auto arrivals = arrivals_of(options, *prepared, interrupts);
    if (!arrivals) return arrivals.error();
    const auto metrics = BenchMetrics::wanted_by(options);
    if (!metrics) return metrics.error();
    if (view != nullptr) view->aim(config.target.origin() + config.target.path, prepared->note);
    Calibration asked;
    auto fleet = gather_fleet(options, placement, *plan, config.target, asked, interrupts);
    if (!fleet) return fleet.error();
    if (*fleet) (*fleet)->use_service(config.service);
    if (!options.quiet) say_replaced(*directory, search_command);

    std::string arrivals_failure;
    const Generator generator{config, fleet->get(),
                              both(BenchMetrics::sink_of(metrics->get()), LiveView::sink_of(view)),
                              *arrivals, arrivals_failure};
    RateSearch search(options, *plan, generator, asked, terminals, interrupts);
    search::SearchReport& report = search.report();
    report.context.target = prepared->target.origin() + prepared->target.path;
    report.context.target_note = prepared->note;
    report.context.command = typed_command();
    if (*fleet) report.context.calibration = calibration_text(asked);
    if (!options.json && !options.quiet) {
        std::fputs(render::search_head(report, terminals.out).c_str(), stdout);
        std::fflush(stdout);
    }
    if (auto ran = search.run(); !ran) return ran.error();
    fleet->reset();
    if (options.admin_typed && !arrivals_failure.empty()) {
        std::fprintf(stderr, "%s: how requests arrived is not known from --admin: %s\n",
                     search_command, arrivals_failure.c_str());
    }

    std::string not_compared;
    if (prepared->embedded && search.last()) {
        auto compared = reconcile_embedded(*prepared->embedded, *plan, *search.last(),
                                           search.before_last(), std::nullopt, interrupts);
        if (compared) {
            report.reconcile = std::move(*compared);
        } else {
            not_compared = compared.error().message;
        }
    }
    directory->forget_run();
    if (auto written = write_all(search, report, directory->path()); !written) {
        return written.error();
    }
    if (options.json) {
        std::fputs(search::to_json(report).c_str(), stdout);
    } else if (!options.quiet) {
        const std::string path = directory->path() + "/search.html";
        std::fputs(render::search_summary(report, path, terminals.out).c_str(), stdout);
    }
    if (view != nullptr) {
        view->end(search::to_string(report.status), search::conclusion_of(report),
                  search::to_html(report));
    }
    if (!not_compared.empty()) {
        std::fprintf(stderr, "%s: the counts were not compared: %s\n", search_command,
                     not_compared.c_str());
        return Exit::could_not_run;
    }
    const Exit exit = exit_of(report);
    const bool drift = report.reconcile && report.reconcile->difference != 0;
    return exit == Exit::good && drift ? Exit::check_failed : exit;
}

}  // namespace

Exit run_search(const BenchOptions& options) {
    if (options.objectives.empty()) {
        return failed(search_command,
                      error(Errc::invalid_argument,
                            "--slo is required: what is to hold (try --slo 'p99<5ms' --slo "
                            "'errors<0.1%')"));
    }
    if (options.search.from_per_s > options.search.to_per_s) {
        return failed(search_command,
                      error(Errc::invalid_argument,
                            "--from: " + format_rate(options.search.from_per_s) +
                                " is above --to " + format_rate(options.search.to_per_s)));
    }
    InterruptWatch interrupts;
    const auto view = LiveView::wanted_by(options, interrupts);
    if (!view) return failed(search_command, view.error());
    const auto outcome = look(options, interrupts, view->get());
    if (outcome) return *outcome;
    if (*view) (*view)->end("FAILED", outcome.error().message, "");
    if (interrupts.count() == 0) return failed(search_command, outcome.error());
    std::fprintf(stderr, "%s: interrupted before there was anything to report\n", search_command);
    return Exit::run_invalid;
}

}  // namespace qck::commands
