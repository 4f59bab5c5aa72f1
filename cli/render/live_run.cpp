#include "cli/render/live_run.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "cli/render/table.hpp"

namespace qck::render {
namespace {

std::string whole_seconds(std::chrono::seconds span) {
    const auto seconds = static_cast<long long>(std::max<std::int64_t>(0, span.count()));
    if (seconds < 60) return std::to_string(seconds) + "s";
    char text[32];
    std::snprintf(text, sizeof text, "%lld:%02lld", seconds / 60, seconds % 60);
    return text;
}

/// Begun seconds count as left, so that nothing says 0 while it still runs.
std::chrono::seconds left_of(std::chrono::nanoseconds span) {
    return std::chrono::ceil<std::chrono::seconds>(span);
}

std::string nanos_text(std::uint64_t ns) {
    return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
}

std::string phase_line(const scenario::Plan& plan, const record::Progress& progress,
                       const Terminal& terminal, std::size_t width) {
    if (progress.elapsed.count() < 0) {
        return "connecting  " + format_count(progress.connections_open) + " of " +
               format_count(progress.connections_wanted) + " connections";
    }
    const std::size_t phase = std::min(progress.phase, plan.phases.size() - 1);
    const double share = progress.planned.count() > 0
                             ? static_cast<double>(progress.elapsed.count()) /
                                   static_cast<double>(progress.planned.count())
                             : 0;
    std::string text = "draining";
    if (!progress.draining) {
        text = leading_columns(plan.phases[phase].name, width < 60 ? 12 : 24);
        text += " (" + std::to_string(phase + 1) + " of " + std::to_string(plan.phases.size()) +
                ")  " + whole_seconds(left_of(progress.phase_left)) + " left";
    }
    const std::string times =
        whole_seconds(std::chrono::floor<std::chrono::seconds>(progress.elapsed)) + " elapsed, " +
        whole_seconds(left_of(progress.planned - progress.elapsed)) + " left";
    const std::string whole =
        padded_right(text, 34) + " " + bar(terminal, share, 16) + "  " + times;
    if (display_width(whole) <= width) return whole;
    const std::string both = text + " · " + times;
    return display_width(both) <= width ? both : text;
}

using Parts = std::vector<std::string>;

Parts rate_parts(const record::Progress& progress) {
    Parts parts;
    if (progress.target_rate_per_s > 0) {
        parts.push_back("target " + format_rate(progress.target_rate_per_s) + "/s");
    }
    parts.push_back("sent " + format_rate(std::round(progress.sent_rate_per_s)) + "/s");
    parts.push_back("answered " + format_rate(std::round(progress.answered_rate_per_s)) + "/s");
    return parts;
}

Parts latency_parts(const record::Progress& progress) {
    if (progress.recent.count() == 0) return {"nothing answered"};
    return {"p50 " + nanos_text(progress.recent.percentile_ns(0.5)),
            "p99 " + nanos_text(progress.recent.percentile_ns(0.99)),
            "p99.9 " + nanos_text(progress.recent.percentile_ns(0.999)),
            "max " + nanos_text(progress.recent.max_ns())};
}

Parts count_parts(const record::Progress& progress) {
    const record::Accounting& a = progress.so_far;
    const std::uint64_t errors = a.failed + a.timed_out + a.unsent;
    const std::uint64_t ended = a.answered + a.failed + a.timed_out;
    const std::uint64_t open = a.sent > ended ? a.sent - ended : 0;
    Parts parts{"answered " + format_count(a.answered), "in flight " + format_count(open),
                "errors " + format_count(errors)};
    if (progress.connect_failures > 0) {
        parts.push_back("connects failed " + format_count(progress.connect_failures) + " (" +
                        record::cause_name(progress.connect_cause) + ")");
    }
    return parts;
}

/// As many of the parts as fit, so that no line wraps, the block keeps its height, and no figure is
/// shown in part.
std::string fitted(std::string_view label, const Parts& parts, std::size_t width) {
    std::string line = padded_right(label, 12);
    bool first = true;
    for (const std::string& part : parts) {
        const std::string_view between = first ? "" : " · ";
        if (display_width(line) + display_width(between) + display_width(part) > width) break;
        line.append(between).append(part);
        first = false;
    }
    return line;
}

}  // namespace

std::string live_block(const scenario::Plan& plan, const record::Progress& progress,
                       const Terminal& terminal) {
    const auto width = static_cast<std::size_t>(std::max(terminal.width - 1, 20));
    std::string out;
    for (const std::string& line :
         {phase_line(plan, progress, terminal, width), fitted("rate", rate_parts(progress), width),
          fitted("last second", latency_parts(progress), width),
          fitted("requests", count_parts(progress), width)}) {
        out += plain_if_needed(terminal, line) + "\n";
    }
    return out;
}

LiveRun::LiveRun(const scenario::Plan& plan, std::FILE* stream, Terminal terminal)
    : plan_(&plan), stream_(stream), terminal_(terminal) {}

LiveRun::~LiveRun() { clear(); }

void LiveRun::show(const record::Progress& progress) {
    if (!terminal_.redraws) return;
    const std::string block = live_block(*plan_, progress, terminal_);
    std::string out;
    // Up to its first line, then each line anew: erased to its end, so that nothing flickers.
    if (lines_shown_ > 0) out = "\x1b[" + std::to_string(lines_shown_) + "A";
    lines_shown_ = 0;
    for (const char c : block) {
        if (c == '\n') {
            out += "\x1b[K";
            ++lines_shown_;
        }
        out += c;
    }
    std::fwrite(out.data(), 1, out.size(), stream_);
    std::fflush(stream_);
}

void LiveRun::clear() {
    if (lines_shown_ == 0) return;
    std::fprintf(stream_, "\x1b[%dA\x1b[J", lines_shown_);
    std::fflush(stream_);
    lines_shown_ = 0;
}

}  // namespace qck::render
