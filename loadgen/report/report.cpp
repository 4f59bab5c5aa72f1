#include "loadgen/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/units.hpp"
#include "base/version.hpp"
#include "loadgen/scenario/transform.hpp"

namespace qck::report {
namespace {

double seconds(std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
}

double micros(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

std::optional<Latency> latency_of(const stats::Histogram& histogram) {
    if (histogram.count() == 0) return std::nullopt;
    Latency latency;
    latency.p50 = micros(histogram.percentile_ns(0.5));
    latency.p90 = micros(histogram.percentile_ns(0.9));
    latency.p99 = micros(histogram.percentile_ns(0.99));
    latency.p999 = micros(histogram.percentile_ns(0.999));
    latency.max = micros(histogram.max_ns());
    latency.mean = std::round(histogram.mean_ns()) / 1e3;
    return latency;
}

Buckets buckets_of(const stats::Histogram& histogram) {
    Buckets buckets;
    histogram.for_each(
        [&](std::uint64_t top_ns, std::uint64_t count) { buckets.emplace_back(top_ns, count); });
    return buckets;
}

std::map<std::string, std::uint64_t> errors_of(const record::PhaseResult& phase) {
    std::map<std::string, std::uint64_t> errors;
    for (std::size_t i = 0; i < record::cause_count; ++i) {
        const char* const name = record::cause_name(static_cast<record::Cause>(i));
        if (phase.failed_by[i] > 0) errors[name] = phase.failed_by[i];
        if (phase.unsent_by[i] > 0) errors[std::string("unsent: ") + name] = phase.unsent_by[i];
    }
    if (phase.accounting.timed_out > 0) errors["timeout"] = phase.accounting.timed_out;
    return errors;
}

ArrivalReport arrival_report(const record::ArrivalSum& sum) {
    return {sum.requests, micros(static_cast<std::uint64_t>(sum.idle_max.count())),
            micros(static_cast<std::uint64_t>(sum.late_max.count()))};
}

PhaseReport phase_report(const record::PhaseResult& phase, const record::RunResult& run) {
    PhaseReport out;
    out.name = phase.name;
    out.start_s = seconds(phase.start);
    out.seconds = seconds(phase.duration);
    out.target_rate = phase.target_rate_per_s;
    out.achieved_rate = phase.achieved_rate_per_s();
    out.accounting = phase.accounting;
    out.latency_us = latency_of(phase.latency);
    out.service_us = latency_of(phase.service);
    out.send_lag_us = latency_of(phase.send_lag);
    out.cpu =
        record::shares_of(run.generator.cpu_stretches, phase.start, phase.start + phase.duration);
    if (run.arrivals) {
        const auto seen =
            record::arrivals_within(*run.arrivals, phase.start, phase.start + phase.duration);
        if (seen) out.arrivals = arrival_report(*seen);
    }
    for (const auto& [status, count] : phase.status) out.status[std::to_string(status)] = count;
    for (const auto& [status, count] : phase.unexpected) {
        out.unexpected[std::to_string(status)] = count;
    }
    out.errors = errors_of(phase);
    out.bytes_sent = phase.bytes_sent;
    out.bytes_received = phase.bytes_received;
    out.latency_buckets = buckets_of(phase.latency);
    out.service_buckets = buckets_of(phase.service);
    return out;
}

/// Adds what failed in one interval; a cause gets its row of zeros when it first comes.
class ErrorRows {
public:
    ErrorRows(SeriesReport& series, std::size_t intervals)
        : series_(series), intervals_(intervals) {}
    void add(std::size_t interval, const std::string& cause, std::uint64_t count) {
        if (count == 0) return;
        auto& row = series_.errors[cause];
        row.resize(intervals_);
        row[interval] += count;
    }

private:
    SeriesReport& series_;
    std::size_t intervals_;
};

SeriesReport series_report(const scenario::Plan& plan, const record::RunResult& run) {
    SeriesReport series;
    series.interval_s = seconds(run.interval);
    ErrorRows errors(series, run.series.size());
    for (std::size_t i = 0; i < run.series.size(); ++i) {
        const record::Interval& at = run.series[i];
        const auto from = run.interval * static_cast<std::int64_t>(i);
        const double planned = scenario::requests_until(plan, from + run.interval) -
                               scenario::requests_until(plan, from);
        const double rate = run.closed_loop ? 0 : planned / series.interval_s;
        series.target.push_back(std::round(rate * 1e3) / 1e3);
        series.scheduled.push_back(at.scheduled);
        series.sent.push_back(at.sent);
        series.answered.push_back(at.answered);
        const auto percentile = [&at, none = at.latency.count() == 0](double share) {
            return none ? std::numeric_limits<double>::quiet_NaN()
                        : micros(at.latency.percentile_ns(share));
        };
        series.p50_us.push_back(percentile(0.5));
        series.p90_us.push_back(percentile(0.9));
        series.p99_us.push_back(percentile(0.99));
        series.p999_us.push_back(percentile(0.999));
        series.max_us.push_back(percentile(1));
        for (std::size_t c = 0; c < record::cause_count; ++c) {
            errors.add(i, record::cause_name(static_cast<record::Cause>(c)), at.failed_by[c]);
        }
        errors.add(i, "timeout", at.timed_out);
        errors.add(i, "unsent", at.unsent);
    }
    return series;
}

AgentReport agent_report(const record::AgentResult& agent) {
    const auto to_micros = [](std::chrono::nanoseconds span) {
        return static_cast<double>(span.count()) / 1e3;
    };
    AgentReport out;
    out.name = agent.name;
    out.address = agent.address;
    out.capacity_per_s = agent.capacity_per_s;
    out.share = agent.share;
    out.threads = agent.threads;
    out.clock_offset_us = to_micros(agent.clock_offset);
    out.clock_uncertainty_us = to_micros(agent.clock_uncertainty);
    out.reported = agent.reported;
    out.start_skew_us = to_micros(agent.start_skew);
    out.cpu = agent.cpu_share_max;
    out.steal = agent.steal_share;
    out.accounting = agent.accounting;
    out.lost = agent.lost;
    out.lost_why = agent.lost_why;
    out.lost_after_s = seconds(agent.lost_after);
    out.gap = agent.gap;
    return out;
}

GeneratorReport generator_report(const record::GeneratorEvidence& evidence) {
    GeneratorReport out;
    out.cpu = evidence.cpu_share_max;
    out.steal = evidence.steal_share;
    out.others = evidence.others_share;
    for (const record::ThreadResult& thread : evidence.threads) {
        out.threads.push_back({thread.cpu, thread.cpu_share(), thread.wakeups,
                               micros(thread.wake_lag.percentile_ns(0.99))});
    }
    out.retransmits = evidence.retransmits;
    out.interfaces = evidence.interfaces;
    out.sockets = evidence.sockets;
    out.connections_opened = evidence.connections_opened;
    out.connections_lost = evidence.connections_lost;
    out.connections_open_max = evidence.connections_open_max;
    for (std::size_t i = 0; i < record::cause_count; ++i) {
        const std::uint64_t count = evidence.connect_failed_by[i];
        if (count > 0) {
            out.connect_errors[record::cause_name(static_cast<record::Cause>(i))] = count;
        }
    }
    return out;
}

void set_context(Report& report, const scenario::Plan& plan, const RunContext& context) {
    report.qck = version;
    report.scenario = plan.name;
    report.description = plan.description;
    report.target = context.target;
    report.target_note = context.target_note;
    report.scale = context.scale;
    report.calibration = context.calibration;
    report.scale_note = context.scale_note;
    report.compress = context.compress;
    report.nominal_peak_rate = scenario::peak_rate_of(plan) * context.scale;
    report.command = context.command;
    report.connections = plan.connections;
    report.pipeline = plan.pipeline;
    report.timeout_s = seconds(plan.timeout);
    report.seed = plan.seed;
}

std::string part_text(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return "none";
    if (part == whole) return "all";
    const double percent = 100 * static_cast<double>(part) / static_cast<double>(whole);
    char text[32];
    // Rounded down, so that 100 % is never said of less than all.
    std::snprintf(text, sizeof text, "%.4g %%", std::floor(percent * 100) / 100);
    return text;
}

/// `, 3 % of them with a server error`; empty where answers were as they should be.
std::string answers_text(const Report& report) {
    std::uint64_t refused = 0;
    std::uint64_t server_errors = 0;
    std::map<std::string, std::uint64_t> statuses;
    for (const PhaseReport& phase : report.phases) {
        for (const auto& [status, count] : phase.status) {
            statuses[status] += count;
            if (status >= "400") refused += count;
            if (status >= "500") server_errors += count;
        }
    }
    if (refused == 0) return {};
    if (refused == report.accounting.answered && statuses.size() == 1) {
        return ", every one with status " + statuses.begin()->first;
    }
    if (refused == report.accounting.answered) return ", every one with an error";
    if (server_errors == 0) return {};
    return ", " + part_text(server_errors, report.accounting.answered) +
           " of them with a server error";
}

}  // namespace

Report make_report(const scenario::Plan& plan, const record::RunResult& run,
                   const RunContext& context, const std::vector<Slo>& objectives) {
    Report report;
    set_context(report, plan, context);
    report.started_ms = run.started_wall_ms;
    report.seconds = seconds(run.duration);
    report.planned_s = seconds(run.planned);
    report.closed_loop = run.closed_loop;
    report.interrupted = run.interrupted;
    report.verdict = judge(run, plan);
    report.accounting = run.total();
    stats::Histogram latency;
    stats::Histogram service;
    stats::Histogram send_lag;
    for (const record::PhaseResult& phase : run.phases) {
        report.phases.push_back(phase_report(phase, run));
        latency.add(phase.latency);
        service.add(phase.service);
        send_lag.add(phase.send_lag);
    }
    report.latency_us = latency_of(latency);
    report.service_us = latency_of(service);
    report.send_lag_us = latency_of(send_lag);
    for (std::size_t at = 0; at < run.kinds.size(); ++at) {
        const record::KindResult& kind = run.kinds[at];
        report.requests.push_back({plan.requests[at].name, kind.sent, kind.unsent, kind.answered,
                                   kind.unexpected, kind.failed, kind.timed_out,
                                   latency_of(kind.latency)});
    }
    report.series = series_report(plan, run);
    report.generator = generator_report(run.generator);
    for (const record::AgentResult& agent : run.agents) {
        report.generator.agents.push_back(agent_report(agent));
    }
    report.generator.new_connections_asked_per_s = plan.new_connections_per_s;
    if (plan.new_connections_per_s > 0) {
        report.generator.new_connections_per_s = renewed_per_s(run, plan);
    }
    for (const Slo& slo : objectives) {
        report.objectives.push_back(evaluate(slo, run));
        // A part of a run meets nothing.
        if (run.interrupted) report.objectives.back().pass = false;
    }
    report.steps = steps_of(plan, run, objectives);
    report.links = LinkReport{plan.links.hot, run.links.hot,     plan.links.tail_prefix,
                              run.links.tail, run.links.unknown, context.links_added};
    report.machine = this_machine();
    return report;
}

std::string scale_text(double scale) {
    if (scale >= 10 || scale == std::floor(scale)) {
        return format_count(static_cast<std::uint64_t>(std::llround(scale)));
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", scale);
    return text;
}

std::string loss_text(const AgentReport& agent) {
    const std::chrono::nanoseconds after(std::llround(agent.lost_after_s * 1e9));
    return "Agent " + agent.name + " was lost " + format_duration(after) + " into the run (" +
           agent.lost_why + "): of its requests " + format_count(agent.gap) +
           " are not known to have been sent, and count as unsent.";
}

std::string beside_the_run(const Report& report) {
    if (!report.reconcile) return {};
    const std::uint64_t probes = report.visible ? report.visible->clicks : 0;
    std::string text;
    const auto add = [&text](std::uint64_t count, const std::string& what) {
        if (count > 0) text += (text.empty() ? "" : ", ") + format_count(count) + what;
    };
    add(report.reconcile->calibration, " in calibration");
    add(probes, probes == 1 ? " probe" : " probes");
    const report::Reconciliation& r = *report.reconcile;
    const auto is_other = [&r](const auto& store) { return store.second != r.answered; };
    if (r.served != r.answered || r.counted != r.answered ||
        std::any_of(r.stores.begin(), r.stores.end(), is_other)) {
        add(r.unanswered, " more may be counted");
    }
    return text;
}

std::string visible_text(const Visibility& visible) {
    const auto shown = [](double in_seconds) {
        return format_duration(std::chrono::nanoseconds(std::llround(in_seconds * 1e9)));
    };
    const std::string count =
        format_count(visible.clicks) + (visible.clicks == 1 ? " probe click" : " probe clicks");
    std::string text;
    if (visible.seen > 0) {
        text = "visible after " + shown(visible.p50_s) + " (p50), at most " + shown(visible.max_s) +
               " (" + count + ")";
    }
    if (visible.seen < visible.clicks) {
        text += (text.empty() ? "" : "; ") +
                std::string(visible.seen == 0 ? "no click was visible (" + count + ")"
                                              : "the last was not visible") +
                ", in " + shown(visible.waited_s);
    }
    if (!visible.failure.empty()) {
        text +=
            (text.empty() ? "visibility not measured: " : "; no more probes: ") + visible.failure;
    }
    return text;
}

std::string conclusion_of(const Report& report) {
    const record::Accounting& a = report.accounting;
    if (report.verdict.status == Status::invalid) {
        return "This run does not show what the target can do: " + report.verdict.reasons.front() +
               ".";
    }
    if (a.scheduled == 0) return "Nothing was sent.";
    const auto peak = std::max_element(report.phases.begin(), report.phases.end(),
                                       [](const PhaseReport& x, const PhaseReport& y) {
                                           return std::max(x.target_rate, x.achieved_rate) <
                                                  std::max(y.target_rate, y.achieved_rate);
                                       });
    std::string text = "Of " + format_count(a.scheduled) + " requests " +
                       part_text(a.answered, a.scheduled) + " were answered" + answers_text(report);
    if (peak->latency_us && peak->accounting.answered > 0) {
        const auto shown = [](double us) {
            return format_duration(std::chrono::nanoseconds(std::llround(us * 1e3)));
        };
        text += "; at " + format_rate(peak->achieved_rate) + "/s (" + peak->name +
                ") half within " + shown(peak->latency_us->p50) + " and 99 of 100 within " +
                shown(peak->latency_us->p99);
    }
    const auto missed = std::count_if(report.objectives.begin(), report.objectives.end(),
                                      [](const Objective& objective) { return !objective.pass; });
    if (report.interrupted) return "Stopped early. " + text + ".";
    if (missed > 0) {
        text += "; " + std::to_string(missed) + " of " + std::to_string(report.objectives.size()) +
                (report.objectives.size() == 1 ? " objective" : " objectives") + " missed";
    } else if (!report.objectives.empty()) {
        text += "; every objective was met";
    }
    return text + ".";
}

}  // namespace qck::report
