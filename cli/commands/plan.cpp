#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/plan_calibration.hpp"
#include "cli/render/plan_lines.hpp"
#include "cli/render/terminal.hpp"
#include "loadgen/planner/plan_json.hpp"

namespace qck::commands {
namespace {

constexpr const char* plan_command = "qck plan";

struct PlanOptions {
    double rate_per_s = 10e6;
    double per_day = 0;
    bool calibrate = false;
    std::string target;
    bool json = false;
    planner::Assumptions given;
    /// What was typed; it wins over what --calibrate measures.
    std::vector<std::pair<planner::Given, double>> typed;
};

render::Terminal output_terminal() {
    return render::terminal_of(::fileno(stdout), render::terminal_settings());
}

Result<void> settle_assumptions(PlanOptions& options) {
    if (options.calibrate) {
        if (auto done = calibrate_plan(options.target, options.given); !done) return done;
    }
    for (const auto& [id, value] : options.typed) {
        const std::string flag = "--" + std::string(options.given.at(id).flag);
        if (auto set = options.given.set(id, value, "given (" + flag + ")"); !set) {
            return error(set.error().code, flag + ": " + set.error().message);
        }
    }
    return {};
}

Exit plan_viral(PlanOptions options) {
    if (!options.target.empty() && !options.calibrate) {
        return failed(plan_command, error(Errc::invalid_argument,
                                          "--target: is what --calibrate measures; add that"));
    }
    if (auto settled = settle_assumptions(options); !settled) {
        return failed(plan_command, settled.error());
    }
    const auto figures = planner::plan_burst(options.rate_per_s, options.given);
    const std::string text =
        options.json
            ? planner::to_json(options.rate_per_s, figures, options.given)
            : render::plan_lines(options.rate_per_s, figures, options.given, output_terminal());
    std::fputs(text.c_str(), stdout);
    return Exit::good;
}

Exit plan_stage(const PlanOptions& options, std::string_view what,
                std::span<const planner::Stage> stages) {
    const planner::Stage* const stage = planner::stage_for(stages, options.per_day);
    if (stage == nullptr) {
        return failed(plan_command,
                      error(Errc::invalid_argument,
                            "--per-day: the documents' largest stage serves " +
                                format_rate(stages.back().per_day) + " " + std::string(what) +
                                " a day, and " + format_rate(options.per_day) + " were asked for"));
    }
    const std::string text =
        options.json ? planner::to_json(what, options.per_day, *stage)
                     : render::stage_lines(what, options.per_day, *stage, output_terminal());
    std::fputs(text.c_str(), stdout);
    return Exit::good;
}

/// Numbers of assumptions: as rates read (`280k`), and 0.
Result<double> parse_number(std::string_view text) {
    if (text == "0") return 0.0;
    auto number = parse_rate(text);
    if (number) return number;
    return error(Errc::invalid_argument,
                 "'" + std::string(text) + "' is not a number (try 280k, 1.5M or 0.3)");
}

void add_viral(CLI::App& plan, Chosen& chosen) {
    const auto options = std::make_shared<PlanOptions>();
    CLI::App* const app = plan.add_subcommand(
        "viral", "What a viral burst needs: of its generator, its target, disk and money");
    add_parsed(*app, "--rate", options->rate_per_s, parse_rate, "Peak of the burst (10M)", "RATE");
    app->add_flag("--calibrate", options->calibrate,
                  "Measure what a core of this machine offers (a second and a half of load, on an "
                  "embedded service or --target)");
    app->add_option("--target", options->target, "Service of yours to calibrate against")
        ->type_name("URL");
    app->add_flag("--json", options->json, "Print JSON");
    for (const planner::Assumption& one : options->given.all()) {
        const planner::Given id = one.id;
        const std::string flag = "--" + std::string(one.flag);
        char value[32];
        std::snprintf(value, sizeof value, "%.6g", one.value);
        app->add_option_function<std::string>(
               flag,
               [options, id, flag](const std::string& text) {
                   const auto number = parse_number(text);
                   if (!number) throw CLI::ValidationError(flag, number.error().message);
                   options->typed.emplace_back(id, *number);
               },
               std::string(one.what) + ", " + std::string(one.unit) + " (" + value + ")")
            ->type_name("N")
            ->group("Assumptions");
    }
    app->callback([options, &chosen] { chosen = [options] { return plan_viral(*options); }; });
}

void add_stage(CLI::App& plan, Chosen& chosen, const char* name, const char* what,
               std::span<const planner::Stage> stages, const char* help) {
    const auto options = std::make_shared<PlanOptions>();
    CLI::App* const app = plan.add_subcommand(name, help);
    add_parsed(*app, "--per-day", options->per_day, parse_rate,
               std::string("How many ") + what + " a day: 10k, 1M, 1G", "N")
        ->required();
    app->add_flag("--json", options->json, "Print JSON");
    app->callback([options, what, stages, &chosen] {
        chosen = [options, what, stages] { return plan_stage(*options, what, stages); };
    });
}

}  // namespace

void add_plan(CLI::App& app, Chosen& chosen) {
    CLI::App* const plan = app.add_subcommand("plan", "Machines, gigabits, disk and money");
    plan->require_subcommand(1);
    add_viral(*plan, chosen);
    add_stage(*plan, chosen, "stage", "redirects", planner::redirect_stages(),
              "What so many redirects a day need and cost, from 10K to 100M");
    add_stage(*plan, chosen, "events", "events", planner::event_stages(),
              "What so many analytics events a day need and cost, from 100M to 10B");
}

}  // namespace qck::commands
