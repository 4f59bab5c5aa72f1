#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "loadgen/report/html_text.hpp"

namespace qck::report {
namespace {

/// Builds one table: the first column is text, the others are figures. Cells are HTML already.
class Table {
public:
    explicit Table(std::initializer_list<std::string_view> heads) {
        for (const std::string_view head : heads) {
            ((html_ += "<th scope=\"col\">") += head) += "</th>";
        }
        html_ += "</tr></thead><tbody>";
    }
    Table& row(const std::vector<std::string>& cells, std::string_view css = {}) {
        html_ += css.empty() ? "<tr>" : "<tr class=\"" + std::string(css) + "\">";
        bool first = true;
        for (const std::string& cell : cells) {
            html_ += first ? "<th scope=\"row\">" + cell + "</th>" : "<td>" + cell + "</td>";
            first = false;
        }
        html_ += "</tr>";
        return *this;
    }
    std::string html() const { return html_ + "</tbody></table></div>\n"; }

private:
    std::string html_ = "<div class=\"wide\"><table><thead><tr>";
};

std::string section(std::string_view title, std::string_view lead, const std::string& body) {
    std::string html = "<section><h2>" + std::string(title) + "</h2>\n";
    if (!lead.empty()) html += "<p class=\"lead\">" + std::string(lead) + "</p>\n";
    return html + body + "</section>\n";
}

std::string count(std::uint64_t value) { return format_count(value); }

std::vector<std::string> accounting_cells(const std::string& name, double target, double achieved,
                                          const record::Accounting& a) {
    return {name,
            target > 0 ? format_rate(target) : "&ndash;",
            achieved > 0 ? format_rate(achieved) : "&ndash;",
            count(a.scheduled),
            count(a.sent),
            count(a.unsent),
            count(a.answered),
            count(a.failed),
            count(a.timed_out),
            count(a.in_flight),
            a.closes() ? "closes" : "<strong>does not close</strong>"};
}

std::string accounting_table(const Report& report) {
    Table table({"phase", "target /s", "achieved /s", "scheduled", "sent", "unsent", "answered",
                 "failed", "timed out", "in flight", "sums"});
    for (const PhaseReport& phase : report.phases) {
        table.row(accounting_cells(escaped(phase.name), phase.target_rate, phase.achieved_rate,
                                   phase.accounting));
    }
    if (report.phases.size() > 1) {
        table.row(accounting_cells("in all", 0, 0, report.accounting), "sum");
    }
    const record::Accounting& a = report.accounting;
    return table.html() + "<p class=\"equation\">scheduled " + count(a.scheduled) + " = sent " +
           count(a.sent) + " + unsent " + count(a.unsent) + "<br>sent " + count(a.sent) +
           " = answered " + count(a.answered) + " + failed " + count(a.failed) + " + timed out " +
           count(a.timed_out) + " + in flight " + count(a.in_flight) + "</p>\n";
}

std::string counts_table(const Report& report) {
    const Reconciliation& r = *report.reconcile;
    Table table({"who counted", "clicks", "beside answered"});
    const auto row = [&](const std::string& name, std::uint64_t value) {
        const auto apart = static_cast<std::int64_t>(value - r.answered);
        const std::string amount = count(static_cast<std::uint64_t>(std::llabs(apart)));
        const char* const sign = apart < 0 ? "&minus;" : "+";
        table.row({name, count(value),
                   apart == 0 ? "equal" : "<strong>" + (sign + amount) + "</strong>"});
    };
    const std::string more = beside_the_run(report);
    row("answered" + (more.empty() ? "" : " (" + more + ")"), r.answered);
    row("served", r.served);
    row("journal", r.counted);
    for (const auto& [store, value] : r.stores) row(escaped(store), value);
    return table.html();
}

std::string target_count_table(const TargetCount& c) {
    Table table({"who", "clicks"});
    table.row({"answered below 400", count(c.expected)})
        .row({"may be counted: no answer, or a server's error", count(c.unknown)})
        .row({"target's count before", count(c.before)})
        .row({"target's count after", count(c.after)})
        .row({"difference", std::to_string(c.difference)}, "sum");
    return table.html();
}

std::string log_table(const LogReport& log) {
    Table table({"lines", "count"});
    table.row({"read", count(log.lines)})
        .row({"requests", count(log.requests)})
        .row({"skipped: neither GET nor HEAD", count(log.other_method)})
        .row({"malformed", count(log.malformed)})
        .row({"requests earlier than the one before", count(log.out_of_order)});
    return table.html();
}

std::string log_lead(const LogReport& log) {
    std::string html = "<code>" + escaped(log.file) + "</code>, " + escaped(log.format) + ", at " +
                       scale_text(log.speed) + " times its speed.";
    for (const std::string& line : log.first_malformed) html += "<br>" + escaped(line);
    return html;
}

std::string status_table(const Report& report) {
    std::set<std::string> statuses;
    for (const PhaseReport& phase : report.phases) {
        for (const auto& [status, times] : phase.status) statuses.insert(status);
    }
    if (statuses.empty()) return {};
    Table table({"status", "answers", "of the answered"});
    for (const std::string& status : statuses) {
        std::uint64_t times = 0;
        for (const PhaseReport& phase : report.phases) {
            if (const auto at = phase.status.find(status); at != phase.status.end()) {
                times += at->second;
            }
        }
        const double share =
            static_cast<double>(times) /
            static_cast<double>(std::max<std::uint64_t>(1, report.accounting.answered));
        table.row({escaped(status), count(times), share_text(share)});
    }
    table.row({"in all", count(report.accounting.answered), ""}, "sum");
    return table.html();
}

std::string requests_table(const std::vector<RequestReport>& requests) {
    Table table({"request", "sent", "unsent", "answered", "unexpected", "failed", "timed out",
                 "p50", "p90", "p99", "p99.9", "max", "mean"});
    for (const RequestReport& kind : requests) {
        const std::optional<Latency>& l = kind.latency_us;
        table.row({escaped(kind.name), count(kind.sent), count(kind.unsent), count(kind.answered),
                   count(kind.unexpected), count(kind.failed), count(kind.timed_out),
                   micros_html(l, &Latency::p50), micros_html(l, &Latency::p90),
                   micros_html(l, &Latency::p99), micros_html(l, &Latency::p999),
                   micros_html(l, &Latency::max), micros_html(l, &Latency::mean)});
    }
    return table.html();
}

std::string latency_table(const Report& report) {
    Table table({"phase", "p50", "p90", "p99", "p99.9", "max", "mean", "service p50", "service p99",
                 "send lag p99"});
    using MaybeLatency = std::optional<Latency>;
    const auto row = [&table](const std::string& name, const MaybeLatency& l,
                              const MaybeLatency& service, const MaybeLatency& lag,
                              std::string_view css) {
        table.row({name, micros_html(l, &Latency::p50), micros_html(l, &Latency::p90),
                   micros_html(l, &Latency::p99), micros_html(l, &Latency::p999),
                   micros_html(l, &Latency::max), micros_html(l, &Latency::mean),
                   micros_html(service, &Latency::p50), micros_html(service, &Latency::p99),
                   micros_html(lag, &Latency::p99)},
                  css);
    };
    for (const PhaseReport& phase : report.phases) {
        row(escaped(phase.name), phase.latency_us, phase.service_us, phase.send_lag_us, {});
    }
    if (report.phases.size() > 1) {
        row("whole run", report.latency_us, report.service_us, report.send_lag_us, "sum");
    }
    return table.html();
}

/// A share of the CPUs, and of the phase that had the most of it.
std::string cpu_text(double overall, const std::vector<PhaseReport>& phases,
                     double record::CpuShares::*share) {
    const auto most = std::max_element(phases.begin(), phases.end(),
                                       [share](const PhaseReport& a, const PhaseReport& b) {
                                           return a.cpu.*share < b.cpu.*share;
                                       });
    std::string text = share_text(overall);
    if (most != phases.end() && phases.size() > 1 && most->cpu.*share > overall) {
        text += ", " + share_text(most->cpu.*share) + " in " + escaped(most->name);
    }
    return text;
}

/// What the target says of it; empty where it does not.
std::string arrivals_table(const std::vector<PhaseReport>& phases) {
    Table table({"arrivals at the target", "requests", "longest without any", "its own lateness"});
    bool any = false;
    for (const PhaseReport& phase : phases) {
        if (!phase.arrivals) continue;
        any = true;
        table.row({escaped(phase.name), count(phase.arrivals->requests),
                   micros_text(phase.arrivals->idle_max_us),
                   micros_text(phase.arrivals->late_max_us)});
    }
    return any ? table.html() : std::string();
}

std::string generator_tables(const Report& report) {
    const GeneratorReport& g = report.generator;
    Table table({"generator", "measured", "wanted"});
    table
        .row({"send lag p99", micros_html(report.send_lag_us, &Latency::p99),
              "at most 1 ms, or 10 % of p99"})
        .row({"busiest second of a thread", share_text(g.cpu) + " CPU", "below 90 %"})
        .row({"CPU taken by the hypervisor",
              cpu_text(g.steal, report.phases, &record::CpuShares::stolen), "below 1 %"})
        .row({"CPU had by other processes",
              cpu_text(g.others, report.phases, &record::CpuShares::others), "below 5 %"})
        .row({"TCP segments sent again", count(g.retransmits), "below 1 % of requests"})
        .row({"connections opened, most at once",
              count(g.connections_opened) + ", " + count(g.connections_open_max), ""})
        .row({"connections lost", count(g.connections_lost), ""});
    for (const record::InterfaceUse& use : g.interfaces) {
        const std::string name =
            escaped(use.name) + (use.agent.empty() ? "" : " of " + escaped(use.agent));
        table.row({name + ": packets, dropped, broken",
                   count(use.packets) + ", " + count(use.dropped) + ", " + count(use.errors),
                   "below 1 % of packets"});
        if (use.speed_per_s > 0) {
            table.row({name + ": busiest fifth of a second",
                       share_text(use.busiest_share) + " of " + format_rate(use.speed_per_s / 1e9) +
                           " Gbit/s",
                       "below 95 %"});
        }
    }
    if (g.sockets) {
        table.row({"TCP sockets of the machine, closed ones that keep a port",
                   count(g.sockets->tcp) + ", " + count(g.sockets->time_wait),
                   "of " + count(g.sockets->local_ports) + " ports an address"});
    }
    if (g.new_connections_asked_per_s > 0) {
        table.row({"new connections", format_rate(g.new_connections_per_s) + "/s",
                   format_rate(g.new_connections_asked_per_s) + "/s"});
    }
    for (const auto& [cause, times] : g.connect_errors) {
        table.row({"connects failed: " + escaped(cause), count(times), ""});
    }
    Table threads({"thread", "pinned to CPU", "CPU", "wake-ups", "event loop lag p99"});
    for (std::size_t i = 0; i < g.threads.size(); ++i) {
        const ThreadReport& thread = g.threads[i];
        threads.row({std::to_string(i), thread.cpu < 0 ? "&ndash;" : std::to_string(thread.cpu),
                     share_text(thread.cpu_share), count(thread.wakeups),
                     micros_text(thread.wake_lag_p99_us)});
    }
    return "<div class=\"pair\">" + table.html() + (g.threads.empty() ? "" : threads.html()) +
           arrivals_table(report.phases) + "</div>\n";
}

std::string agents_table(const std::vector<AgentReport>& agents) {
    Table table({"agent", "address", "calibrated", "share", "answered", "clock offset",
                 "start skew", "CPU", "steal", "gap"});
    for (const AgentReport& agent : agents) {
        const auto known = [&agent](const std::string& text) {
            return agent.reported ? text : std::string("&ndash;");
        };
        const std::string offset = micros_text(std::abs(agent.clock_offset_us)) + " &plusmn; " +
                                   micros_text(agent.clock_uncertainty_us);
        table.row({escaped(agent.name) + (agent.lost ? " <strong>lost</strong>" : ""),
                   escaped(agent.address),
                   agent.capacity_per_s > 0 ? format_rate(agent.capacity_per_s) + "/s" : "&ndash;",
                   share_text(agent.share), count(agent.accounting.answered),
                   (agent.clock_offset_us < 0 ? "&minus;" : "") + offset,
                   known((agent.start_skew_us < 0 ? "&minus;" : "") +
                         micros_text(std::abs(agent.start_skew_us))),
                   known(share_text(agent.cpu)), known(share_text(agent.steal)), count(agent.gap)});
    }
    return table.html();
}

/// `agent b was lost 3.2 s into the run (…)`, of each; empty where none was.
std::string losses_text(const std::vector<AgentReport>& agents) {
    std::string text;
    for (const AgentReport& agent : agents) {
        if (agent.lost) text += (text.empty() ? "" : " ") + escaped(loss_text(agent));
    }
    return text;
}

std::string steps_table(const std::vector<StepReport>& steps) {
    const auto in_s = [](double seconds) {
        return seconds > 0 ? micros_text(seconds * 1e6) : std::string("0");
    };
    const auto beyond = [](const std::optional<double>& share) {
        return share ? "+" + share_text(*share) : std::string("&ndash;");
    };
    Table table({"step", "rate /s", "settled /s", "overshoot", "settled p99", "worst p99",
                 "overshoot", "most backlog", "after", "drained in", "outside for",
                 "back within after"});
    for (const StepReport& step : steps) {
        const auto settled = [&step](const std::string& text) {
            return step.settled ? text : std::string("&ndash;");
        };
        table.row({escaped(step.phase),
                   format_rate(step.rate_before) + " &rarr; " + format_rate(step.rate_after),
                   settled(format_rate(step.settled_rate)), beyond(step.rate_overshoot),
                   settled(micros_text(step.settled_p99_us)),
                   step.p99_peak_us > 0 ? micros_text(step.p99_peak_us) : "&ndash;",
                   beyond(step.p99_overshoot), count(step.backlog_max),
                   in_s(step.backlog_max_after_s),
                   step.drain_s ? in_s(*step.drain_s) : "<strong>not</strong>",
                   step.objective.empty() ? "&ndash;" : in_s(step.outside_s),
                   step.objective.empty() ? "&ndash;"
                   : step.back_within_s   ? in_s(*step.back_within_s)
                                          : "<strong>not in the phase</strong>"});
    }
    return table.html();
}

std::string steps_section(const Report& report) {
    std::string lead =
        "What each step of the rate did, to one interval of the time series. Overshoot is beyond "
        "the settled value, backlog what was due and not yet answered.";
    std::string before;
    for (const StepReport& step : *report.steps) {
        if (step.objective.empty() || step.objective == before) continue;
        lead += (before.empty() ? " Objective: <code>" : ", <code>") + escaped(step.objective) +
                "</code> (" + escaped(step.objective_from) + ")";
        before = step.objective;
    }
    if (!before.empty()) lead += ".";
    std::string body = steps_table(*report.steps);
    if (report.visible) body += "<p>" + escaped(visible_text(*report.visible)) + "</p>\n";
    return section("Steps", lead, body);
}

std::string objectives_table(const std::vector<Objective>& objectives, bool interrupted) {
    Table table({"objective", "measured", "result"});
    for (const Objective& objective : objectives) {
        table.row({"<code>" + escaped(objective.expression) + "</code>",
                   escaped(shown_value(objective)),
                   interrupted      ? "not judged"
                   : objective.pass ? "met"
                                    : "<strong>missed</strong>"});
    }
    return table.html();
}

std::string errors_table(const Report& report) {
    std::map<std::string, std::uint64_t> sums;
    std::uint64_t all = 0;
    for (const PhaseReport& phase : report.phases) {
        for (const auto& [cause, times] : phase.errors) {
            sums[cause] += times;
            all += times;
        }
    }
    if (all == 0) {
        return "<p class=\"none\">None: every request was sent, and every one was answered.</p>\n";
    }
    Table table({"cause", "requests", "of the scheduled"});
    const auto scheduled =
        static_cast<double>(std::max<std::uint64_t>(1, report.accounting.scheduled));
    for (const auto& [cause, times] : sums) {
        table.row(
            {escaped(cause), count(times), share_text(static_cast<double>(times) / scheduled)});
    }
    table.row({"in all", count(all), share_text(static_cast<double>(all) / scheduled)}, "sum");
    return "<figure><canvas id=\"errors\" height=\"190\"></canvas></figure>\n" + table.html();
}

}  // namespace

std::string html_tables(const Report& report) {
    std::string html = section(
        "Accounting", "Where every request of the schedule went. A line closes when both sums do.",
        accounting_table(report));
    if (report.reconcile) {
        const std::int64_t difference = report.reconcile->difference;
        html += section("Counts",
                        difference == 0 ? "Every answered redirect is counted, everywhere."
                                        : "Not everybody counted the same.",
                        counts_table(report));
    } else if (!report.reconcile_failure.empty()) {
        html += section("Counts", "Not compared: " + escaped(report.reconcile_failure), "");
    }
    if (report.target_count) {
        html += section("The target's own count",
                        "As said by <code>" + escaped(report.target_count->source) + "</code>.",
                        target_count_table(*report.target_count));
    }
    if (report.log) html += section("The log", log_lead(*report.log), log_table(*report.log));
    html += section("Latency",
                    "From when a request was due. Service time, from when it was sent, hides what "
                    "waited before; send lag is the wait.",
                    latency_table(report) + status_table(report));
    if (!report.requests.empty()) {
        html += section("Requests", "By kind, of the whole run.", requests_table(report.requests));
    }
    if (report.steps && !report.steps->empty()) html += steps_section(report);
    html += section("Errors by cause", "", errors_table(report));
    html += section("Generator health",
                    "Whether the load was offered as planned; the verdict is drawn from these.",
                    generator_tables(report));
    if (!report.generator.agents.empty()) {
        html += section("Agents", losses_text(report.generator.agents),
                        agents_table(report.generator.agents));
    }
    if (!report.objectives.empty()) {
        html += section("Objectives", "", objectives_table(report.objectives, report.interrupted));
    }
    return html;
}

}  // namespace qck::report
