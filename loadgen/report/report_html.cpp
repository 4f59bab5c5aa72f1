#include "loadgen/report/report_html.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

#include "base/units.hpp"
#include "loadgen/report/html_text.hpp"

extern "C" {
extern const char qck_chart_js[];
extern const char qck_chart_js_end[];
extern const char qck_page_css[];
extern const char qck_page_css_end[];
extern const char qck_page_js[];
extern const char qck_page_js_end[];
}

namespace qck::report {
namespace {

std::string_view between(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

std::string time_text(std::int64_t wall_ms) {
    const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
    return text.data();
}

/// Flags as code, so that no line breaks within them. `text` is escaped already.
std::string with_flags(std::string text) {
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz-";
    for (auto at = text.find(" --"); at != std::string::npos; at = text.find(" --", at + 1)) {
        const auto end = std::min(text.find_first_not_of(letters, at + 3), text.size());
        text.insert(end, "</code>");
        text.insert(at + 1, "<code class=\"flag\">");
    }
    return text;
}

std::string verdict_html(const Report& report) {
    const Verdict& verdict = report.verdict;
    std::string css = "valid";
    std::string mark = "&#10003;";
    if (verdict.status == Status::invalid) {
        css = "invalid";
        mark = "&#10007;";
    } else if (verdict.status == Status::interrupted) {
        css = "interrupted";
        mark = "&#9632;";
    }
    std::string html = "<div class=\"verdict " + css + "\"><p class=\"status\"><span>" + mark +
                       "</span> " + std::string(to_string(verdict.status)) + "</p><div><p>" +
                       with_flags(escaped(conclusion_of(report))) + "</p>";
    const bool said_above = verdict.status == Status::invalid;
    for (std::size_t i = said_above ? 1 : 0; i < verdict.reasons.size(); ++i) {
        html += "<p class=\"reason\">" + with_flags(escaped(verdict.reasons[i])) + "</p>";
    }
    for (const std::string& advice : verdict.advice) {
        html += "<p class=\"advice\">" + with_flags(escaped(advice)) + "</p>";
    }
    for (const std::string& note : verdict.notes) {
        html += "<p class=\"reason\">" + with_flags(escaped(note)) + "</p>";
    }
    return html + "</div></div>\n";
}

std::string figure(const std::string& name, const std::string& value, const std::string& note) {
    return "<div><dt>" + name + "</dt><dd>" + value + "</dd><dd class=\"note\">" + note +
           "</dd></div>";
}

/// The figures that a reader looks for first.
std::string key_figures(const Report& report) {
    const record::Accounting& a = report.accounting;
    double peak = 0;
    for (const PhaseReport& phase : report.phases) peak = std::max(peak, phase.achieved_rate);
    const std::uint64_t errors = a.failed + a.timed_out + a.unsent;
    std::string html = "<dl class=\"key\">";
    html += figure("answered", format_count(a.answered), "of " + format_count(a.scheduled));
    html += figure("peak rate", format_rate(peak) + "/s",
                   report.scale > 1 ? "1:" + scale_text(report.scale) + " of " +
                                          format_rate(report.nominal_peak_rate) + "/s"
                                    : "as asked for");
    const bool answers = a.answered > 0;
    html += figure("p50", micros_html(report.latency_us, &Latency::p50),
                   answers ? "from the due time" : "no answers");
    html +=
        figure("p99", micros_html(report.latency_us, &Latency::p99),
               answers ? "service " + micros_html(report.service_us, &Latency::p99) : "no answers");
    html += figure("p99.9", micros_html(report.latency_us, &Latency::p999),
                   "max " + micros_html(report.latency_us, &Latency::max));
    html +=
        figure("errors", format_count(errors),
               a.scheduled == 0
                   ? ""
                   : share_text(static_cast<double>(errors) / static_cast<double>(a.scheduled)));
    return html + "</dl>\n";
}

std::string charts_html(const Report& report) {
    std::string html =
        "<section><h2>Rate</h2>\n<p class=\"lead\">Requests per second: planned, offered (sent) "
        "and answered.<span class=\"switch\" id=\"rate-axis\"></span></p>\n"
        "<figure><canvas id=\"rate\" height=\"250\"></canvas></figure>\n<ol class=\"phases\">";
    for (const PhaseReport& phase : report.phases) {
        html += "<li><b>" + escaped(phase.name) + "</b> " +
                format_duration(std::chrono::nanoseconds(std::llround(phase.seconds * 1e9))) +
                (phase.target_rate > 0 ? " at " + format_rate(phase.target_rate) + "/s" : "") +
                "</li>";
    }
    html +=
        "</ol></section>\n<section><h2>Latency over time</h2>\n<p class=\"lead\">From the due "
        "time, of the requests due in each interval; what never came counts with its "
        "timeout.</p>\n<figure><canvas id=\"latency\" height=\"270\"></canvas></figure></section>\n"
        "<section><h2>Percentile curve</h2>\n<p class=\"lead\">Latency from the due time beside "
        "service time. Where they part, requests waited to be sent.<span class=\"switch\" "
        "id=\"curve-phase\"></span></p>\n"
        "<figure><canvas id=\"curve\" height=\"270\"></canvas></figure></section>\n";
    return html;
}

std::string quoted_for_shell(const std::string& word) {
    const bool plain =
        !word.empty() &&
        word.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+") ==
            std::string::npos;
    if (plain) return word;
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string what_was_run(const Report& report) {
    std::string rows;
    const auto row = [&rows](const std::string& name, const std::string& html) {
        if (!html.empty()) rows += "<dt>" + name + "</dt><dd>" + html + "</dd>";
    };
    std::string command;
    for (const std::string& word : report.command) {
        command += (command.empty() ? "" : " ") + quoted_for_shell(word);
    }
    row("command", command.empty() ? "" : "<code>" + escaped(command) + "</code>");
    row("scenario", escaped(report.scenario) +
                        (report.description.empty() ? "" : ": " + escaped(report.description)));
    row("target", "<code>" + escaped(report.target) + "</code>" +
                      (report.target_note.empty() ? "" : " (" + escaped(report.target_note) + ")"));
    if (report.scale != 1) {
        row("scale", "1:" + scale_text(report.scale) + " of " +
                         format_rate(report.nominal_peak_rate) + "/s nominal");
    }
    row("calibration", escaped(report.calibration));
    row("full rate", escaped(report.scale_note));
    if (report.compress != 1) row("time", "compressed " + scale_text(report.compress) + " times");
    row("load", format_count(report.connections) + " connections, pipeline " +
                    format_count(report.pipeline) + ", timeout " +
                    micros_text(report.timeout_s * 1e6) + ", seed " + std::to_string(report.seed) +
                    (report.closed_loop ? ", closed loop" : ""));
    row("began", time_text(report.started_ms));
    row("took", micros_text(report.seconds * 1e6) + " of " + micros_text(report.planned_s * 1e6) +
                    " planned");
    row("qck", escaped(report.qck));
    const Machine& m = report.machine;
    row("machine", escaped(m.host) + ": " + std::to_string(m.cpus) + " CPUs" +
                       (m.cpu_model.empty() ? "" : " (" + escaped(m.cpu_model) + ")") + ", " +
                       format_bytes(m.memory_bytes) + ", " + escaped(m.system) + ", " +
                       escaped(m.kernel));
    return "<section><h2>What was run</h2>\n<dl class=\"facts\">" + rows + "</dl></section>\n";
}

}  // namespace

std::string to_html(const Report& report) {
    const std::string title = escaped(report.scenario) + " &middot; " +
                              std::string(to_string(report.verdict.status)) + " &middot; qck";
    std::string html =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
        "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
        title + "</title>\n<style>\n";
    html += between(qck_page_css, qck_page_css_end);
    html += "</style></head><body><main>\n<header><p class=\"kind\">load run &middot; " +
            time_text(report.started_ms) + "</p><h1>" + escaped(report.scenario) + "</h1>";
    html += "<p class=\"on\">" + escaped(report.target) +
            (report.target_note.empty() ? "" : " &middot; " + escaped(report.target_note)) +
            "</p></header>\n";
    html += verdict_html(report) + key_figures(report) + charts_html(report);
    html += html_tables(report) + what_was_run(report);
    html += "</main>\n<script type=\"application/json\" id=\"run\">";
    html += json_for_script(chart_data(report));
    html += "</script>\n<script>\n";
    html += between(qck_chart_js, qck_chart_js_end);
    html += "\n</script>\n<script>\n";
    html += between(qck_page_js, qck_page_js_end);
    html += "</script>\n</body></html>\n";
    return html;
}

}  // namespace qck::report
