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

std::string micros_text(std::uint64_t ns) {
    return format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
}

std::string phase_line(const scenario::Plan& plan, const record::Progress& progress,
                       const Terminal& terminal) {
    if (progress.elapsed.count() < 0) {
        return "connecting  " + format_count(progress.connections_open) + " of " +
               format_count(progress.connections_wanted) + " connections";
    }
    const std::size_t phase = std::min(progress.phase, plan.phases.size() - 1);
    const double share = progress.planned.count() > 0
                             ? static_cast<double>(progress.elapsed.count()) /
                                   static_cast<double>(progress.planned.count())
                             : 0;
    std::string text = progress.draining ? "draining" : plan.phases[phase].name;
    if (!progress.draining) {
        text += " (" + std::to_string(phase + 1) + " of " + std::to_string(plan.phases.size()) +
                ")  " + whole_seconds(left_of(progress.phase_left)) + " left";
    }
    return padded_right(text, 34) + " " + bar(terminal, share, 16) + "  " +
           whole_seconds(std::chrono::floor<std::chrono::seconds>(progress.elapsed)) +
           " elapsed, " + whole_seconds(left_of(progress.planned - progress.elapsed)) + " left";
}

std::string rate_line(const record::Progress& progress) {
    std::string text = "rate       ";
    if (progress.target_rate_per_s > 0) {
        text += " target " + format_rate(progress.target_rate_per_s) + "/s ·";
    }
    return text + " sent " + format_rate(std::round(progress.sent_rate_per_s)) + "/s · answered " +
           format_rate(std::round(progress.answered_rate_per_s)) + "/s";
}

std::string latency_line(const record::Progress& progress) {
    if (progress.recent.count() == 0) return "last second nothing answered";
    return "last second p50 " + micros_text(progress.recent.percentile_ns(0.5)) + " · p99 " +
           micros_text(progress.recent.percentile_ns(0.99)) + " · p99.9 " +
           micros_text(progress.recent.percentile_ns(0.999)) + " · max " +
           micros_text(progress.recent.max_ns());
}

std::string count_line(const record::Progress& progress) {
    const record::Accounting& a = progress.so_far;
    const std::uint64_t errors = a.failed + a.timed_out + a.unsent;
    const std::uint64_t ended = a.answered + a.failed + a.timed_out;
    const std::uint64_t open = a.sent > ended ? a.sent - ended : 0;
    std::string text = "requests    answered " + format_count(a.answered) + " · in flight " +
                       format_count(open) + " · errors " + format_count(errors);
    if (progress.connect_failures > 0) {
        text += " · connects failed " + format_count(progress.connect_failures) + " (" +
                record::cause_name(progress.connect_cause) + ")";
    }
    return text;
}

/// At most `width` columns of it, so that no line wraps and the block keeps its height.
std::string cut(std::string_view text, std::size_t width) {
    std::string out;
    std::size_t columns = 0;
    for (const char c : text) {
        const bool begins = (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
        if (begins && ++columns > width) break;
        out += c;
    }
    return out;
}

}  // namespace

std::string live_block(const scenario::Plan& plan, const record::Progress& progress,
                       const Terminal& terminal) {
    const auto width = static_cast<std::size_t>(std::max(terminal.width - 1, 20));
    std::string out;
    for (const std::string& line : {phase_line(plan, progress, terminal), rate_line(progress),
                                    latency_line(progress), count_line(progress)}) {
        out += cut(plain_if_needed(terminal, line), width) + "\n";
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
