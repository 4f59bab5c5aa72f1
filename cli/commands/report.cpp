#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/whole_file.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/options.hpp"
#include "cli/commands/report_compare.hpp"
#include "cli/commands/report_runs.hpp"
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

constexpr const char* report_command = "qck report";

Exit complain(const Error& failure) { return failed(report_command, wrong_input(failure)); }

std::string head_of(const report::Report& report, const std::string& run) {
    std::string text = run + ": " + report.scenario + " on " + report.target;
    if (!report.target_note.empty()) text += " (" + report.target_note + ")";
    return text;
}

/// One run, or a search, or what a search is shown with: the run that confirmed it.
struct Shown {
    std::string path;
    std::optional<SearchResult> search;
    std::optional<report::Report> report;
};

Result<Shown> read_shown(const std::string& path) {
    Shown shown{path, {}, {}};
    auto search = read_search(path);
    if (!search) return search.error();
    shown.search = std::move(*search);
    if (shown.search && !shown.search->has_run) return shown;
    const std::filesystem::path file(path);
    const bool of_search = shown.search && file.filename() == "search.json";
    auto report = report::read_report(of_search ? file.parent_path().string() : path);
    if (!report) return report.error();
    shown.report = *std::move(report);
    return shown;
}

void print_search(const Shown& shown, const render::Terminal& terminal) {
    const SearchResult& search = *shown.search;
    const auto print = [&](const std::string& text, render::Tone tone) {
        std::printf("%s\n",
                    render::toned(terminal, tone, render::plain_if_needed(terminal, text)).c_str());
    };
    print(shown.path + ": search on " + search.target, render::Tone::bold);
    print(search.conclusion, search.found ? render::Tone::good : render::Tone::bad);
    if (!search.advice.empty()) print(search.advice, render::Tone::plain);
    if (shown.report) std::printf("\nthe run that this rests on:\n");
}

/// All reports are read before the first is shown, so that a wrong one shows nothing.
Exit show(const ReportOptions& options) {
    std::vector<Shown> all;
    for (const std::string& path : options.runs) {
        for (const std::string& run : runs_in(path)) {
            auto shown = read_shown(run);
            if (!shown) return complain(shown.error());
            if (options.json && !shown->report) {
                return complain(error(Errc::invalid_argument,
                                      run + ": is a search that no rate held in; its JSON is "
                                            "search.json"));
            }
            all.push_back(*std::move(shown));
        }
    }
    if (options.json) {
        // One report is itself, several are an array of them.
        const bool several = all.size() > 1;
        if (several) std::fputs("[\n", stdout);
        for (std::size_t i = 0; i < all.size(); ++i) {
            std::fputs(report::to_json(*all[i].report).c_str(), stdout);
            if (i + 1 < all.size()) std::fputs(",\n", stdout);
        }
        if (several) std::fputs("]\n", stdout);
        return Exit::good;
    }
    const render::Terminal terminal =
        render::terminal_of(fileno(stdout), render::terminal_settings());
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i > 0) std::printf("\n");
        if (all[i].search) print_search(all[i], terminal);
        if (!all[i].report) continue;
        const std::string head =
            render::plain_if_needed(terminal, head_of(*all[i].report, all[i].path));
        std::printf("%s\n\n%s", render::toned(terminal, render::Tone::bold, head).c_str(),
                    render::run_summary(*all[i].report, "", terminal).c_str());
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
            return failed(report_command, error(Errc::io, "cannot write to standard output"));
        }
        return Exit::good;
    }
    const std::string path = options.out.empty() ? html_path_of(options.run) : options.out;
    if (const auto written = write_whole_file(path, text); !written) {
        return failed(report_command, written.error());
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
    shown
        ->add_option("RUN", options->runs,
                     "Directory of a run, of several (--repeat) or of a search, or its report.json")
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
