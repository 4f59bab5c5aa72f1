#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/whole_file.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/report_compare.hpp"
#include "cli/commands/report_serve.hpp"
#include "cli/render/run_summary.hpp"
#include "cli/render/terminal.hpp"
#include "loadgen/report/report_html.hpp"
#include "loadgen/report/report_json.hpp"

namespace qck::commands {
namespace {

struct ReportOptions {
    std::vector<std::string> runs;
    std::string run;
    std::string other;
    std::string out;
    std::string ui = "127.0.0.1:7777";
    bool json = false;
};

Exit complain(const Error& failure) {
    std::fprintf(stderr, "qck report: %s\n", failure.message.c_str());
    return Exit::could_not_run;
}

std::string head_of(const report::Report& report, const std::string& run) {
    std::string text = run + ": " + report.scenario + " on " + report.target;
    if (!report.target_note.empty()) text += " (" + report.target_note + ")";
    return text;
}

/// All reports are read before the first is shown, so that a wrong one shows nothing.
Exit show(const ReportOptions& options) {
    std::vector<report::Report> reports;
    for (const std::string& run : options.runs) {
        auto report = report::read_report(run);
        if (!report) return complain(report.error());
        reports.push_back(*std::move(report));
    }
    if (options.json) {
        // One report is itself, several are an array of them.
        const bool several = reports.size() > 1;
        if (several) std::fputs("[\n", stdout);
        for (std::size_t i = 0; i < reports.size(); ++i) {
            std::fputs(report::to_json(reports[i]).c_str(), stdout);
            if (i + 1 < reports.size()) std::fputs(",\n", stdout);
        }
        if (several) std::fputs("]\n", stdout);
        return Exit::good;
    }
    const render::Terminal terminal =
        render::terminal_of(fileno(stdout), render::terminal_settings());
    for (std::size_t i = 0; i < reports.size(); ++i) {
        const std::string head =
            render::plain_if_needed(terminal, head_of(reports[i], options.runs[i]));
        std::printf("%s%s\n\n%s", i == 0 ? "" : "\n",
                    render::toned(terminal, render::Tone::bold, head).c_str(),
                    render::run_summary(reports[i], "", terminal).c_str());
    }
    return Exit::good;
}

/// Where a drawing goes when it is not said: beside the report it is of.
std::string html_path_of(const std::string& run) {
    std::error_code failure;
    const std::filesystem::path path(run);
    const bool directory = std::filesystem::is_directory(path, failure);
    return ((directory ? path : path.parent_path()) / "report.html").string();
}

Exit html(const ReportOptions& options) {
    const auto report = report::read_report(options.run);
    if (!report) return complain(report.error());
    const std::string text = report::to_html(*report);
    if (options.out == "-") {
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
            return complain(error(Errc::io, "cannot write to standard output"));
        }
        return Exit::good;
    }
    const std::string path = options.out.empty() ? html_path_of(options.run) : options.out;
    if (const auto written = write_whole_file(path, text); !written) {
        return complain(written.error());
    }
    std::printf("%s\n", path.c_str());
    return Exit::good;
}

}  // namespace

void add_report(CLI::App& app, Chosen& chosen) {
    auto* const group = app.add_subcommand("report", "Shows what earlier runs measured");
    group->require_subcommand(1);
    const auto options = std::make_shared<ReportOptions>();

    auto* const shown = group->add_subcommand("show", "Prints the summary of runs");
    shown->add_option("RUN", options->runs, "Directory of a run, or its report.json")
        ->required()
        ->expected(1, 1000);
    shown->add_flag("--json", options->json, "Print report.json (an array when there are several)");
    shown->callback([options, &chosen] { chosen = [options] { return show(*options); }; });

    auto* const compared = group->add_subcommand(
        "compare", "Compares repeated runs, with a significance test (Mann-Whitney U)");
    compared->add_option("A", options->run, "Directory of a run, or of several (--repeat)")
        ->required();
    compared->add_option("B", options->other, "The same, to be compared with it")->required();
    compared->add_flag("--json", options->json, "Print JSON");
    compared->callback([options, &chosen] {
        chosen = [options] { return compare_runs(options->run, options->other, options->json); };
    });

    auto* const drawn = group->add_subcommand("html", "Draws a run as one HTML file");
    drawn->add_option("RUN", options->run, "Directory of a run, or its report.json")->required();
    drawn->add_option("--out", options->out,
                      "File to write, - for standard output (default: report.html beside it)");
    drawn->callback([options, &chosen] { chosen = [options] { return html(*options); }; });

    auto* const served =
        group->add_subcommand("serve", "Serves the page of bench --ui with a run that has ended");
    served->add_option("RUN", options->run, "Directory of a run, or its report.json")->required();
    served->add_option("--ui", options->ui, "Where, until Ctrl-C")
        ->capture_default_str()
        ->type_name("HOST:PORT");
    served->callback([options, &chosen] {
        chosen = [options] { return serve_report(options->run, options->ui); };
    });
}

}  // namespace qck::commands
