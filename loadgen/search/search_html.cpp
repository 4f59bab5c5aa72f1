#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"
#include "base/version.hpp"
#include "loadgen/report/html_text.hpp"
#include "loadgen/search/search_report.hpp"

extern "C" {
extern const char qck_page_css[];
extern const char qck_page_css_end[];
}

namespace qck::search {
namespace {

using report::escaped;
using report::Latency;

constexpr double chart_width = 1000;
constexpr double chart_height = 260;
constexpr double left = 70;
constexpr double bottom = 30;
constexpr double top = 14;

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

/// Steps from left to right, rates upwards on a log axis.
class Chart {
public:
    explicit Chart(const SearchReport& report) : steps_(report.steps.size()) {
        for (const StepResult& step : report.steps) {
            low_ = std::min(low_, step.step.rate_per_s);
            high_ = std::max(high_, step.step.rate_per_s);
        }
        low_ /= 1.3;
        high_ *= 1.3;
    }

    double x(std::size_t step) const {
        return left + (chart_width - left - 20) * (static_cast<double>(step) + 0.5) /
                          static_cast<double>(std::max<std::size_t>(steps_, 1));
    }
    double y(double rate_per_s) const {
        const double share = std::log(rate_per_s / low_) / std::log(high_ / low_);
        return chart_height - bottom - share * (chart_height - bottom - top);
    }

    /// Marks differ in shape, so that they can be read in grey.
    std::string mark(std::size_t at, const StepResult& step) const {
        const std::string cx = number(x(at));
        const std::string cy = number(y(step.step.rate_per_s));
        const std::string place = "transform=\"translate(" + cx + "," + cy + ")\"";
        const std::string title = "<title>" + format_rate(step.step.rate_per_s) + "/s " +
                                  std::string(to_string(step.outcome)) + " " +
                                  escaped(step.reason) + "</title>";
        const std::string size = step.step.kind == StepKind::confirm ? "8" : "5";
        switch (step.outcome) {
            case Outcome::held:
                return "<circle " + place + " r=\"" + size + "\" fill=\"#17693b\">" + title +
                       "</circle>";
            case Outcome::missed:
                return "<path " + place +
                       " d=\"M-5,-5L5,5M-5,5L5,-5\" stroke=\"#a3201d\" stroke-width=\"2.5\">" +
                       title + "</path>";
            case Outcome::generator:
            case Outcome::interrupted:
                break;
        }
        return "<rect " + place +
               " x=\"-5\" y=\"-5\" width=\"10\" height=\"10\" fill=\"none\" stroke=\"#8a5a00\" "
               "stroke-width=\"2.5\">" +
               title + "</rect>";
    }

    /// Lines at 1, 2 and 5 of each power of ten within the axis.
    std::string grid() const {
        std::string svg;
        for (double power = std::pow(10, std::floor(std::log10(low_))); power <= high_;
             power *= 10) {
            for (const double digit : {1.0, 2.0, 5.0}) {
                const double rate = power * digit;
                if (rate < low_ || rate > high_) continue;
                const std::string at = number(y(rate));
                svg += "<line x1=\"" + number(left) + "\" x2=\"" + number(chart_width - 10) +
                       "\" y1=\"" + at + "\" y2=\"" + at + "\" stroke=\"#d9dde3\"/><text x=\"" +
                       number(left - 8) + "\" y=\"" + number(y(rate) + 4) +
                       "\" text-anchor=\"end\">" + format_rate(rate) + "/s</text>";
            }
        }
        return svg;
    }

private:
    std::size_t steps_;
    double low_ = 1e12;
    double high_ = 1;
};

std::string chart_html(const SearchReport& report) {
    if (report.steps.empty()) return {};
    const Chart chart(report);
    std::string svg = "<svg viewBox=\"0 0 " + number(chart_width) + " " + number(chart_height) +
                      "\" role=\"img\" aria-label=\"Rates that were tried, step by step\" "
                      "font-size=\"12\" fill=\"#5b6470\">" +
                      chart.grid();
    if (report.rate_per_s > 0) {
        const std::string at = number(chart.y(report.rate_per_s));
        svg += "<line x1=\"" + number(left) + "\" x2=\"" + number(chart_width - 10) + "\" y1=\"" +
               at + "\" y2=\"" + at + "\" stroke=\"#16191d\" stroke-dasharray=\"6 4\"/>";
    }
    for (std::size_t i = 0; i < report.steps.size(); ++i) {
        svg += chart.mark(i, report.steps[i]) + "<text x=\"" + number(chart.x(i)) + "\" y=\"" +
               number(chart_height - 8) + "\" text-anchor=\"middle\">" + std::to_string(i + 1) +
               "</text>";
    }
    return "<section><h2>Steps</h2>\n<p class=\"lead\">Dot: held. Cross: missed by the target. "
           "Empty square: the generator fell short. Large dot: the confirming run. Dashed: the "
           "answer.</p>\n<figure>" +
           svg + "</svg></figure>\n";
}

std::string table_html(const SearchReport& report) {
    std::string html =
        "<div class=\"wide\"><table><thead><tr><th scope=\"col\">step</th><th>kind</th>"
        "<th>rate</th><th>answered</th><th>p50</th><th>p99</th><th>max</th><th>send lag p99</th>"
        "<th>generator CPU</th><th>outcome</th><th style=\"text-align:left\">why</th></tr></thead>"
        "<tbody>";
    for (std::size_t i = 0; i < report.steps.size(); ++i) {
        const StepResult& step = report.steps[i];
        std::vector<std::string> cells{std::string(to_string(step.step.kind)),
                                       format_rate(step.step.rate_per_s) + "/s",
                                       format_rate(step.achieved_per_s) + "/s",
                                       report::micros_html(step.latency_us, &Latency::p50),
                                       report::micros_html(step.latency_us, &Latency::p99),
                                       report::micros_html(step.latency_us, &Latency::max),
                                       report::micros_html(step.send_lag_us, &Latency::p99),
                                       report::share_text(step.cpu),
                                       std::string(to_string(step.outcome))};
        html += "<tr><th scope=\"row\">" + std::to_string(i + 1) + "</th>";
        for (const std::string& cell : cells) html += "<td>" + cell + "</td>";
        html += "<td style=\"text-align:left;white-space:normal\">" + escaped(step.reason) +
                (step.began_at_rest ? "" : " (began before the target was over the step before)") +
                "</td></tr>";
    }
    return html + "</tbody></table></div></section>\n";
}

std::string facts_html(const SearchReport& report) {
    std::string command;
    for (const std::string& word : report.context.command) {
        command += (command.empty() ? "" : " ") + word;
    }
    std::string rows;
    const auto row = [&rows](const char* name, const std::string& html) {
        rows += "<dt>" + std::string(name) + "</dt><dd>" + html + "</dd>";
    };
    row("command", "<code>" + escaped(command) + "</code>");
    std::string objectives;
    for (const std::string& one : report.objectives) {
        objectives += "<code>" + escaped(one) + "</code> ";
    }
    row("objectives", objectives);
    row("steps", format_duration(report.settings.step) + " each, " +
                     format_duration(report.settings.confirm) + " to confirm, up to " +
                     std::to_string(report.settings.tries) + " tries, within " +
                     report::share_text(report.settings.precision));
    row("load", format_count(report.connections) + " connections, pipeline " +
                    format_count(report.pipeline));
    if (!report.context.calibration.empty()) row("agents", escaped(report.context.calibration));
    row("qck", version);
    const report::Machine& m = report.machine;
    row("machine", escaped(m.host) + ": " + std::to_string(m.cpus) + " CPUs (" +
                       escaped(m.cpu_model) + "), " + format_bytes(m.memory_bytes) + ", " +
                       escaped(m.system) + ", " + escaped(m.kernel));
    return "<section><h2>What was run</h2>\n<dl class=\"facts\">" + rows + "</dl></section>\n";
}

}  // namespace

std::string to_html(const SearchReport& report) {
    const bool good =
        report.status == SearchStatus::found || report.status == SearchStatus::reaches_limit;
    const std::string css = good ? "valid" : "invalid";
    std::string status(to_string(report.status));
    std::replace(status.begin(), status.end(), '_', ' ');
    std::string html =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<title>capacity search &middot; qck</title>\n<style>\n";
    html.append(qck_page_css, qck_page_css_end);
    html +=
        "</style></head><body><main>\n<header><p class=\"kind\">capacity search</p><h1>" +
        (report.rate_per_s > 0 ? format_rate(report.rate_per_s) + "/s" : status) +
        "</h1><p class=\"on\">" + escaped(report.context.target) +
        (report.context.target_note.empty() ? ""
                                            : " &middot; " + escaped(report.context.target_note)) +
        "</p></header>\n<div class=\"verdict " + css + "\"><p class=\"status\">" + status +
        "</p><div><p>" + escaped(conclusion_of(report)) + ".</p>";
    if (const std::string advice = advice_of(report); !advice.empty()) {
        html += "<p class=\"advice\">" + escaped(advice) + "</p>";
    }
    html += "</div></div>\n" + chart_html(report) + table_html(report) + facts_html(report);
    return html + "</main></body></html>\n";
}

}  // namespace qck::search
