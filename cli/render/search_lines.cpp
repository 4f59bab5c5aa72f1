#include "cli/render/search_lines.hpp"

#include <algorithm>
#include <cmath>

#include "base/units.hpp"
#include "base/version.hpp"

namespace qck::render {
namespace {

/// `label`, then `text` broken into lines that stand below each other.
std::string paragraph(const Terminal& terminal, std::string_view label, std::string_view text,
                      Tone tone = Tone::plain) {
    const auto width = static_cast<std::size_t>(std::clamp(terminal.width, 40, 100));
    const std::string broken = wrapped(plain_if_needed(terminal, text), width - label_columns, 0);
    std::string out;
    std::string_view rest = broken;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        out +=
            padded_right(label, label_columns) + toned(terminal, tone, rest.substr(0, end)) + "\n";
        label = {};
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

std::string counts_text(const report::Reconciliation& r) {
    std::string text = "answered " + format_count(r.answered);
    const auto add = [&](const std::string& name, std::uint64_t count) {
        text += (count == r.answered ? " = " : " ≠ ") + name + " " + format_count(count);
    };
    add("served", r.served);
    add("journal", r.counted);
    for (const auto& [store, count] : r.stores) add(store, count);
    return text;
}

}  // namespace

std::string search_head(const search::SearchReport& report, const Terminal& terminal) {
    std::string out =
        toned(terminal, Tone::bold, "qck " + std::string(version) + "  capacity search") + "\n";
    out += paragraph(
        terminal, "target",
        report.context.target +
            (report.context.target_note.empty() ? "" : "   (" + report.context.target_note + ")"));
    if (!report.context.calibration.empty()) {
        out += paragraph(terminal, "calibrate", report.context.calibration);
    }
    std::string objectives;
    for (const std::string& one : report.objectives) {
        objectives += (objectives.empty() ? "" : " · ") + one;
    }
    out += paragraph(terminal, "objectives", objectives);
    return out + "\n";
}

std::string search_step_line(std::size_t number, const search::StepResult& step,
                             const Terminal& terminal) {
    std::string outcome(to_string(step.outcome));
    Tone tone = Tone::good;
    if (step.outcome == search::Outcome::missed) tone = Tone::bad;
    if (step.outcome == search::Outcome::generator) tone = Tone::warning;
    std::string span = format_duration(step.step.duration);
    span.erase(std::remove(span.begin(), span.end(), ' '), span.end());
    const std::string line =
        padded_left(std::to_string(number), 3) + "  " + padded_right(to_string(step.step.kind), 7) +
        "  " + padded_left(format_rate(step.step.rate_per_s) + "/s", 8) + "  " +
        padded_left(span, 4) + "  " + toned(terminal, tone, padded_right(outcome, 11));
    std::string why;
    if (const auto& latency = step.latency_us) {
        why = "p50 " + micros_text(latency->p50) + "  p99 " + micros_text(latency->p99);
    }
    if (step.outcome != search::Outcome::held) why = step.reason;
    if (!step.began_at_rest) why += " (began before the target was over the step before)";
    constexpr std::size_t indent = 43;
    const auto width = static_cast<std::size_t>(std::clamp(terminal.width, 80, 100));
    std::string broken = wrapped(plain_if_needed(terminal, why), width - indent, 0);
    for (auto at = broken.find('\n'); at != std::string::npos; at = broken.find('\n', at + 1)) {
        broken.insert(at + 1, std::string(indent, ' '));
    }
    return line + "  " + broken + "\n";
}

std::string search_summary(const search::SearchReport& report, const std::string& report_path,
                           const Terminal& terminal) {
    using search::SearchStatus;
    const bool good =
        report.status == SearchStatus::found || report.status == SearchStatus::reaches_limit;
    std::string out = "\n";
    if (const auto& counts = report.reconcile) {
        out += paragraph(terminal, "counts", counts_text(*counts),
                         counts->difference == 0 ? Tone::plain : Tone::bad);
    }
    if (report.rate_per_s > 0) {
        out += paragraph(terminal, "rate", format_rate(report.rate_per_s) + "/s",
                         good ? Tone::good : Tone::plain);
    }
    out += paragraph(terminal, "result", conclusion_of(report), good ? Tone::plain : Tone::bad);
    if (const std::string advice = advice_of(report); !advice.empty()) {
        out += paragraph(terminal, "", advice);
    }
    if (!report_path.empty()) out += paragraph(terminal, "report", report_path);
    return out;
}

}  // namespace qck::render
