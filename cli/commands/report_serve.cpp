#include "cli/commands/report_serve.hpp"

#include <cstdio>
#include <string_view>

#include "cli/commands/interrupt_watch.hpp"
#include "cli/commands/live_view.hpp"
#include "loadgen/report/report_html.hpp"
#include "loadgen/report/report_json.hpp"

namespace qck::commands {
namespace {

constexpr const char* report_serve_command = "qck report";

}  // namespace

Exit serve_report(const std::string& run, const std::string& place) {
    const auto report = report::read_report(run);
    if (!report) return failed(report_serve_command, wrong_input(report.error()));
    InterruptWatch interrupts;
    auto view = LiveView::open(place, {});
    if (!view) return failed(report_serve_command, view.error());
    (*view)->end(report::to_string(report->verdict.status), report::conclusion_of(*report),
                 report::to_html(*report));
    std::printf("%s\n", (*view)->url().c_str());
    std::fflush(stdout);
    interrupts.wait();
    return Exit::good;
}

}  // namespace qck::commands
