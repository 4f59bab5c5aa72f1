#include "loadgen/report/run_metrics.hpp"

#include <cstdio>
#include <initializer_list>
#include <utility>

namespace qck::report {
namespace {

std::string metric_number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", value);
    return text;
}

double metric_seconds(std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
}

/// A label's value: backslash, quote and line feed are escaped (text format 0.0.4).
std::string label(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\\' || c == '"') out += '\\';
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
}

/// One metric after another.
class Exposition {
public:
    /// Begins a metric; its samples follow.
    Exposition& metric(const char* name, const char* type, const char* help) {
        name_ = name;
        text_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + type + "\n";
        return *this;
    }
    Exposition& sample(double value, const std::string& labels = {}) {
        text_ +=
            name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + metric_number(value) + "\n";
        return *this;
    }
    Exposition& sample(std::uint64_t value, const std::string& labels = {}) {
        return sample(static_cast<double>(value), labels);
    }
    std::string text() && { return std::move(text_); }

private:
    std::string name_;
    std::string text_;
};

void add_requests(Exposition& out, const record::Progress& progress) {
    const record::Accounting& a = progress.so_far;
    out.metric("qck_bench_scheduled_total", "counter", "Requests that have come due.")
        .sample(a.scheduled);
    out.metric("qck_bench_sent_total", "counter", "Requests sent.").sample(a.sent);
    out.metric("qck_bench_ended_total", "counter", "Requests that have ended, by how.")
        .sample(a.answered, "outcome=\"answered\"")
        .sample(a.failed, "outcome=\"failed\"")
        .sample(a.timed_out, "outcome=\"timed_out\"")
        .sample(a.unsent, "outcome=\"unsent\"");
}

void add_rates(Exposition& out, const record::Progress& progress) {
    out.metric("qck_bench_rate", "gauge",
               "Requests per second: by the plan, and over the last second or so.")
        .sample(progress.target_rate_per_s, "of=\"target\"")
        .sample(progress.sent_rate_per_s, "of=\"sent\"")
        .sample(progress.answered_rate_per_s, "of=\"answered\"");
}

void add_latencies(Exposition& out, const record::Progress& progress) {
    if (progress.recent.count() == 0) return;
    out.metric("qck_bench_latency_seconds", "gauge",
               "Latency from the due time, of what was due in the last second or so.");
    for (const auto& [share, text] :
         {std::pair{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}, {0.999, "0.999"}, {1.0, "1"}}) {
        out.sample(static_cast<double>(progress.recent.percentile_ns(share)) / 1e9,
                   "quantile=\"" + std::string(text) + "\"");
    }
}

}  // namespace

std::string to_prometheus(std::string_view scenario, std::string_view phase,
                          const record::Progress& progress) {
    Exposition out;
    out.metric("qck_bench_run", "gauge", "1 for the scenario and the phase that are run.")
        .sample(std::uint64_t{1}, "scenario=\"" + label(scenario) + "\",phase=\"" +
                                      label(progress.draining ? "draining" : phase) + "\"");
    out.metric("qck_bench_elapsed_seconds", "gauge",
               "Since the start; below 0 while connections are made.")
        .sample(metric_seconds(progress.elapsed));
    out.metric("qck_bench_planned_seconds", "gauge", "Length of the schedule.")
        .sample(metric_seconds(progress.planned));
    add_requests(out, progress);
    add_rates(out, progress);
    add_latencies(out, progress);
    out.metric("qck_bench_connections", "gauge", "Connections that are open, and that are wanted.")
        .sample(std::uint64_t{progress.connections_open}, "state=\"open\"")
        .sample(std::uint64_t{progress.connections_wanted}, "state=\"wanted\"");
    out.metric("qck_bench_connect_failures_total", "counter", "Attempts to connect that failed.")
        .sample(progress.connect_failures);
    return std::move(out).text();
}

}  // namespace qck::report
