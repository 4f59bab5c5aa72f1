#include "cli/render/run_summary.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "base/units.hpp"
#include "base/version.hpp"
#include "cli/render/labelled_block.hpp"
#include "cli/render/table.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::render {
namespace {

std::string span_text(double seconds) {
    return format_duration(std::chrono::nanoseconds(std::llround(seconds * 1e9)));
}

/// `10 s` as `10s`: for columns of times.
std::string tight_span(double seconds) {
    std::string text = span_text(seconds);
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    return text;
}

std::string percent_text(double share) {
    char text[32];
    std::snprintf(text, sizeof text, share >= 0.1 || share == 0 ? "%.0f %%" : "%.1f %%",
                  share * 100);
    return text;
}

/// p50 and p99 with the unit of the larger, so that the two can be compared at a glance.
std::string latency_pair(const report::Latency& latency) {
    const bool in_seconds = latency.p99 >= 1e6;
    const double unit = in_seconds ? 1e6 : 1e3;
    char text[64];
    const char* const format =
        latency.p99 / unit >= 10 ? "p50 %.3g  p99 %.3g %s" : "p50 %.2f  p99 %.2f %s";
    std::snprintf(text, sizeof text, format, latency.p50 / unit, latency.p99 / unit,
                  in_seconds ? "s" : "ms");
    return text;
}

/// Widths of a phase's columns, over all phases.
struct PhaseColumns {
    std::size_t name = 4;
    std::size_t span = 2;
    std::size_t rate = 4;
    std::size_t bar = 0;         ///< 0: there is no room for one
    bool latency_below = false;  ///< on a line of its own
};

PhaseColumns phase_columns(const report::Report& report, const Terminal& terminal) {
    constexpr std::size_t latency_columns = 23;
    constexpr std::size_t bar_least = 8;
    PhaseColumns columns;
    for (const report::PhaseReport& phase : report.phases) {
        columns.name = std::max(columns.name, display_width(phase.name));
        columns.span = std::max(columns.span, display_width(tight_span(phase.seconds)));
        columns.rate = std::max(columns.rate, format_rate(phase.achieved_rate).size() + 2);
    }
    const std::size_t width = text_width(terminal);
    columns.name = std::min<std::size_t>(columns.name, width < 60 ? 14 : 24);
    std::size_t used = columns.name + 1 + columns.span + 2 + 2 + columns.rate;
    columns.latency_below = used + bar_least + 2 + latency_columns > width;
    if (!columns.latency_below) used += 2 + latency_columns;
    if (used + bar_least <= width) columns.bar = std::min<std::size_t>(width - used, 32);
    return columns;
}

/// At most so many columns of a name.
std::string cut_name(const Terminal& terminal, std::string_view name, std::size_t columns) {
    const std::string shown = plain_if_needed(terminal, name);
    if (display_width(shown) <= columns) return shown;
    const std::string mark = plain_if_needed(terminal, "…");
    return std::string(leading_columns(shown, columns - display_width(mark))) + mark;
}

std::string phase_lines(const report::Report& report, const Terminal& terminal) {
    const PhaseColumns columns = phase_columns(report, terminal);
    double top = 0;
    for (const report::PhaseReport& phase : report.phases) {
        top = std::max(top, phase.achieved_rate);
    }
    std::string out;
    for (const report::PhaseReport& phase : report.phases) {
        const double share = top > 0 ? phase.achieved_rate / top : 0;
        out += padded_right(cut_name(terminal, phase.name, columns.name), columns.name) + " " +
               padded_left(tight_span(phase.seconds), columns.span) + "  ";
        if (columns.bar > 0) out += bar(terminal, share, columns.bar) + "  ";
        out += padded_left(format_rate(phase.achieved_rate) + "/s", columns.rate);
        out += columns.latency_below ? "\n" + std::string(label_columns, ' ') : "  ";
        out += phase.latency_us && phase.accounting.answered > 0 ? latency_pair(*phase.latency_us)
                                                                 : "nothing answered";
        out += "\n";
    }
    return out;
}

std::string request_lines(const report::Report& report, const Terminal& terminal) {
    constexpr std::size_t shown_max = 6;
    constexpr std::size_t name_max = 32;
    Block block(terminal, "requests");
    for (std::size_t at = 0; at < std::min(report.requests.size(), shown_max); ++at) {
        const report::RequestReport& kind = report.requests[at];
        std::vector<std::string> parts{cut_name(terminal, kind.name, name_max),
                                       "answered " + format_count(kind.answered)};
        if (kind.unsent > 0) parts.push_back("unsent " + format_count(kind.unsent));
        const std::uint64_t bad = kind.unexpected + kind.failed + kind.timed_out;
        if (bad > 0) parts.push_back("errors " + format_count(bad));
        if (kind.latency_us && kind.answered > 0) parts.push_back(latency_pair(*kind.latency_us));
        block.parts(parts, " · ");
    }
    if (report.requests.size() > shown_max) {
        const std::size_t more = report.requests.size() - shown_max;
        block.paragraph("and " + format_count(more) + (more == 1 ? " more kind" : " more kinds") +
                        " in the report");
    }
    return block.text();
}

std::string accounting_lines(const report::Report& report, const Terminal& terminal) {
    const record::Accounting& a = report.accounting;
    Block block(terminal, "accounting");
    block.parts({"scheduled " + format_count(a.scheduled), "= sent " + format_count(a.sent),
                 "+ unsent " + format_count(a.unsent)},
                " ");
    block.parts({"sent " + format_count(a.sent), "= answered " + format_count(a.answered),
                 "+ failed " + format_count(a.failed), "+ timed out " + format_count(a.timed_out),
                 "+ in flight " + format_count(a.in_flight)},
                " ");
    return block.text();
}

/// `answered 177 = 302: 175 + 404: 2 (not asked for)`.
std::string answer_lines(const report::Report& report, const Terminal& terminal) {
    std::map<std::string, std::uint64_t> statuses;
    std::map<std::string, std::uint64_t> unexpected;
    for (const report::PhaseReport& phase : report.phases) {
        for (const auto& [status, count] : phase.status) statuses[status] += count;
        for (const auto& [status, count] : phase.unexpected) unexpected[status] += count;
    }
    // One status of success is what everybody hopes for, and says nothing.
    if (statuses.empty() || (statuses.size() == 1 && statuses.begin()->first < "400")) return {};
    std::vector<std::string> parts{"answered " + format_count(report.accounting.answered)};
    for (const auto& [status, count] : statuses) {
        std::string part = (parts.size() == 1 ? "= " : "+ ") + status + ": " + format_count(count);
        const auto odd = unexpected.find(status);
        if (odd != unexpected.end()) {
            part += odd->second == count ? " (not asked for)"
                                         : " (" + format_count(odd->second) + " not asked for)";
        }
        parts.push_back(std::move(part));
    }
    Block block(terminal, "answers");
    block.parts(parts, " ", unexpected.empty() ? Tone::plain : Tone::bad);
    return block.text();
}

std::string error_lines(const report::Report& report, const Terminal& terminal) {
    std::map<std::string, std::uint64_t> causes;
    for (const report::PhaseReport& phase : report.phases) {
        for (const auto& [cause, count] : phase.errors) causes[cause] += count;
    }
    std::string out;
    const auto add = [&](std::string_view label, const std::map<std::string, std::uint64_t>& counts,
                         Tone tone = Tone::plain) {
        std::vector<std::string> parts;
        for (const auto& [name, count] : counts) parts.push_back(name + " " + format_count(count));
        Block block(terminal, label);
        block.parts(parts, " · ", tone);
        out += block.text();
    };
    out += answer_lines(report, terminal);
    if (!causes.empty()) add("errors", causes);
    return out;
}

std::string counts_lines(const report::Report& report, const Terminal& terminal) {
    Block block(terminal, "counts");
    if (!report.reconcile_failure.empty()) {
        block.paragraph("not compared: " + report.reconcile_failure, Tone::bad);
        return block.text();
    }
    if (!report.reconcile) return {};
    const report::Reconciliation& r = *report.reconcile;
    std::vector<std::string> parts{"answered " + format_count(r.answered)};
    if (const std::string more = report::beside_the_run(report); !more.empty()) {
        parts[0] += " (" + more + ")";
    }
    std::uint64_t before = r.answered;
    const auto add = [&](const std::string& name, std::uint64_t count) {
        parts.push_back((count == before ? "= " : "≠ ") + name + " " + format_count(count));
        before = count;
    };
    add("served", r.served);
    add("journal", r.counted);
    for (const auto& [store, count] : r.stores) add(store, count);
    block.parts(parts, " ", r.difference == 0 ? Tone::plain : Tone::bad);
    if (r.difference != 0) {
        block.paragraph("difference " + std::string(r.difference < 0 ? "−" : "+") +
                            format_count(static_cast<std::uint64_t>(std::llabs(r.difference))),
                        Tone::bad);
    }
    return block.text();
}

/// `+12` or `−3`.
std::string signed_text(std::int64_t difference) {
    return std::string(difference < 0 ? "−" : "+") +
           format_count(static_cast<std::uint64_t>(std::llabs(difference)));
}

std::string target_count_lines(const report::Report& report, const Terminal& terminal) {
    if (!report.target_count) return {};
    const report::TargetCount& c = *report.target_count;
    Block block(terminal, "count");
    std::string text = "answered " + format_count(c.expected);
    if (c.unknown > 0) text += " (and " + format_count(c.unknown) + " that may be counted)";
    const std::int64_t counted =
        static_cast<std::int64_t>(c.after) - static_cast<std::int64_t>(c.before);
    text +=
        std::string(c.difference == 0 ? ", " : " ≠ ") + "target counted " +
        (counted < 0 ? signed_text(counted) : format_count(static_cast<std::uint64_t>(counted))) +
        " (" + format_count(c.before) + " to " + format_count(c.after) + "), " +
        span_text(c.waited_s) + " after the run";
    block.paragraph(text, c.difference == 0 ? Tone::plain : Tone::bad);
    if (c.difference != 0) {
        block.paragraph(
            "difference " + signed_text(c.difference) +
                (c.difference < 0 ? ": clicks were lost" : ": clicks were counted twice"),
            Tone::bad);
    }
    return block.text();
}

std::string log_lines(const report::Report& report, const Terminal& terminal) {
    if (!report.log) return {};
    const report::LogReport& log = *report.log;
    Block block(terminal, "log");
    std::string text = log.file + " (" + log.format + "): " + format_count(log.requests) +
                       (log.requests == 1 ? " request in " : " requests in ") +
                       format_count(log.lines) + (log.lines == 1 ? " line" : " lines");
    if (log.speed != 1) text += ", at " + report::scale_text(log.speed) + "x";
    if (log.other_method > 0) {
        text += ", " + format_count(log.other_method) + " skipped (not GET or HEAD)";
    }
    if (log.malformed > 0) text += ", " + format_count(log.malformed) + " malformed";
    if (log.out_of_order > 0) {
        text += ", " + format_count(log.out_of_order) + " out of order (sent with the one before)";
    }
    block.paragraph(text);
    for (const std::string& line : log.first_malformed) block.paragraph(line, Tone::warning);
    return block.text();
}

std::string generator_lines(const report::Report& report, const Terminal& terminal) {
    std::vector<std::string> parts;
    if (!report.closed_loop) {
        parts.push_back("send lag p99 " +
                        (report.send_lag_us ? micros_text(report.send_lag_us->p99) : "-"));
    }
    if (report.generator.new_connections_asked_per_s > 0) {
        parts.push_back("new connections " + format_rate(report.generator.new_connections_per_s) +
                        "/s of " + format_rate(report.generator.new_connections_asked_per_s) +
                        "/s");
    }
    parts.push_back("CPU " + percent_text(report.generator.cpu));
    parts.push_back("steal " + percent_text(report.generator.steal));
    Block block(terminal, "generator");
    block.parts(parts, " · ");
    return block.text();
}

/// What the steps of the rate did, where one shows, and when clicks were visible.
std::string burst_lines(const report::Report& report, const Terminal& terminal) {
    Block block(terminal, "burst");
    const auto steps = report.steps.value_or(std::vector<report::StepReport>{});
    bool shown = false;
    for (const report::StepReport& step : steps) {
        if (!step.shows()) continue;
        auto parts = report::step_parts(step);
        parts.front() = step.phase + ": " + parts.front();
        block.parts(parts, " · ");
        shown = true;
    }
    if (!shown && steps.size() > 1 && !steps.front().objective.empty()) {
        block.paragraph("no backlog at any step, always within " + steps.front().objective +
                        (steps.front().objective_from == "--slo"
                             ? ""
                             : " (" + steps.front().objective_from + ")"));
    }
    if (report.visible) block.paragraph(report::visible_text(*report.visible));
    return block.text();
}

/// `4 agents · start skew at most 84 µs · clocks known within 21 µs`, and who was lost.
std::string agent_lines(const report::Report& report, const Terminal& terminal) {
    const auto& agents = report.generator.agents;
    if (agents.empty()) return {};
    double skew = 0;
    double uncertainty = 0;
    for (const report::AgentReport& agent : agents) {
        skew = std::max(skew, std::abs(agent.start_skew_us));
        uncertainty = std::max(uncertainty, agent.clock_uncertainty_us);
    }
    Block block(terminal, "agents");
    block.paragraph(std::to_string(agents.size()) + " · start skew at most " + micros_text(skew) +
                    " · clocks known within " + micros_text(uncertainty));
    for (const report::AgentReport& agent : agents) {
        if (agent.lost) block.paragraph(report::loss_text(agent), Tone::bad);
    }
    return block.text();
}

std::string objective_lines(const report::Report& report, const Terminal& terminal) {
    Block block(terminal, "objectives");
    for (const report::Objective& objective : report.objectives) {
        block.parts({objective.expression, report::shown_value(objective),
                     report.interrupted ? "not judged"
                     : objective.pass   ? "met"
                                        : "MISSED"},
                    "  ", objective.pass ? Tone::plain : Tone::bad);
    }
    return block.text();
}

std::string verdict_lines(const report::Report& report, const Terminal& terminal) {
    const report::Verdict& verdict = report.verdict;
    Tone tone = Tone::good;
    if (verdict.status == report::Status::invalid) tone = Tone::bad;
    if (verdict.status == report::Status::interrupted) tone = Tone::warning;
    std::string head(to_string(verdict.status));
    for (std::size_t i = 0; i < verdict.reasons.size(); ++i) {
        head += (i == 0 ? ": " : "; ") + verdict.reasons[i];
    }
    Block block(terminal, "verdict");
    block.paragraph(head, tone);
    for (const std::string& advice : verdict.advice) block.paragraph(advice);
    for (const std::string& note : verdict.notes) block.paragraph(note);
    if (report.scale > 1) {
        block.paragraph("this was 1:" + report::scale_text(report.scale) + " of the " +
                        format_rate(report.nominal_peak_rate) + "/s asked for" +
                        (report.scale_note.empty() ? "" : "; " + report.scale_note));
    }
    return block.text();
}

}  // namespace

std::string run_head(const scenario::Plan& plan, const report::RunContext& context,
                     const Terminal& terminal) {
    std::string name = plan.name;
    std::replace(name.begin(), name.end(), '-', ' ');
    std::string title = "qck " + std::string(version) + "  " + name;
    const double peak = scenario::peak_rate_of(plan);
    if (peak > 0) title += ", " + format_rate(peak * context.scale) + "/s nominal";
    if (context.compress != 1)
        title += ", time compressed " + report::scale_text(context.compress) + "x";
    title = plain_if_needed(terminal, title);
    const std::size_t width = text_width(terminal);
    if (display_width(title) > width) title = wrapped(title, width, 2);
    std::string out = toned(terminal, Tone::bold, title) + "\n";
    Block target(terminal, "target");
    std::vector<std::string> target_parts{context.target};
    if (!context.target_note.empty()) target_parts.push_back("(" + context.target_note + ")");
    target.parts(target_parts, "   ");
    out += target.text();
    if (plan.users) {
        Block users(terminal, "users");
        users.paragraph(plan.description);
        out += users.text();
    }
    if (context.links_added > 0) {
        Block links(terminal, "links");
        links.paragraph("added " + format_count(context.links_added) +
                        (context.links_added == 1 ? " link" : " links") +
                        " to the service, which stay there");
        out += links.text();
    }
    if (context.calibration.empty() && context.scale == 1) return out + "\n";
    Block calibrate(terminal, "calibrate");
    std::string text = context.calibration;
    if (context.scale > 1) {
        text += (text.empty() ? "" : "  → ") + ("running 1:" + report::scale_text(context.scale)) +
                ", peak " + format_rate(peak) + "/s";
    }
    calibrate.paragraph(text);
    if (!context.scale_note.empty()) calibrate.paragraph(context.scale_note);
    return out + calibrate.text() + "\n";
}

std::string run_summary(const report::Report& report, const std::string& report_path,
                        const Terminal& terminal) {
    std::string out = phase_lines(report, terminal) + "\n";
    out += accounting_lines(report, terminal);
    out += error_lines(report, terminal);
    out += request_lines(report, terminal);
    out += log_lines(report, terminal);
    out += counts_lines(report, terminal);
    out += target_count_lines(report, terminal);
    out += generator_lines(report, terminal);
    out += agent_lines(report, terminal);
    out += burst_lines(report, terminal);
    out += objective_lines(report, terminal);
    out += verdict_lines(report, terminal);
    if (!report_path.empty()) {
        Block path(terminal, "report");
        path.paragraph(report_path);
        out += path.text();
    }
    return out;
}

}  // namespace qck::render
