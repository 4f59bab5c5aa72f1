#include <algorithm>

#include "loadgen/report/burst_json.hpp"
#include "loadgen/report/network_json.hpp"
#include "loadgen/report/report_json.hpp"
#include "loadgen/report/take_fields.hpp"

namespace qck::report {
namespace {

using report::take;
using scenario::FieldReader;
using scenario::JsonNode;
using scenario::Problems;
using Kind = scenario::JsonNode::Kind;

/// Reports hold a histogram of some thousand buckets for each phase.
constexpr scenario::JsonLimits limits{256UL * 1024 * 1024, 32, 100'000};

void take(FieldReader& from, std::string_view key, record::Accounting& a) {
    take_object(from, key, [&a](FieldReader& fields) {
        take_whole(fields, "scheduled", a.scheduled);
        take_whole(fields, "sent", a.sent);
        take_whole(fields, "unsent", a.unsent);
        take_whole(fields, "answered", a.answered);
        take_whole(fields, "failed", a.failed);
        take_whole(fields, "timed_out", a.timed_out);
        take_whole(fields, "in_flight", a.in_flight);
    });
}

/// Null is none, and so are the zeros that an older qck wrote for none.
void take(FieldReader& from, std::string_view key, std::optional<Latency>& out) {
    const JsonNode* const node = from.optional(key);
    if (node != nullptr && node->is(Kind::null)) return;
    Latency l;
    take_object(from, key, [&l](FieldReader& fields) {
        take(fields, "p50", l.p50);
        take(fields, "p90", l.p90);
        take(fields, "p99", l.p99);
        take(fields, "p999", l.p999);
        take(fields, "max", l.max);
        take(fields, "mean", l.mean);
    });
    if (l != Latency{}) out = l;
}

/// Absent in reports of a qck that did not look.
void take(FieldReader& from, std::string_view key, record::CpuShares& shares) {
    const JsonNode* const node = from.optional(key);
    if (node == nullptr || node->is(Kind::null)) return;
    take_object(from, key, [&shares](FieldReader& fields) {
        shares.measured = true;
        take(fields, "steal", shares.stolen);
        take(fields, "others", shares.others);
        take(fields, "kept_waiting", shares.kept_waiting);
    });
}

/// Likewise.
void take(FieldReader& from, std::string_view key, std::optional<ArrivalReport>& arrivals) {
    const JsonNode* const node = from.optional(key);
    if (node == nullptr || node->is(Kind::null)) return;
    take_object(from, key, [&arrivals](FieldReader& fields) {
        ArrivalReport& found = arrivals.emplace();
        take_whole(fields, "requests", found.requests);
        take(fields, "idle_max_us", found.idle_max_us);
        take(fields, "late_max_us", found.late_max_us);
    });
}

void take(FieldReader& from, std::string_view key, Buckets& out) {
    take_object(from, key, [&out](FieldReader& fields) {
        std::vector<std::uint64_t> top;
        std::vector<std::uint64_t> count;
        take_numbers(fields, "top_ns", top);
        take_numbers(fields, "count", count);
        if (top.size() != count.size()) {
            fields.problems().add(fields.line(), fields.path_of("count"),
                                  "expected as many as top_ns has");
            return;
        }
        for (std::size_t i = 0; i < top.size(); ++i) out.emplace_back(top[i], count[i]);
    });
}

void take_verdict(FieldReader& from, Verdict& verdict) {
    take_object(from, "verdict", [&verdict](FieldReader& fields) {
        std::string status;
        std::string cause;
        take(fields, "status", status);
        take(fields, "cause", cause);
        take(fields, "reasons", verdict.reasons);
        take(fields, "advice", verdict.advice);
        if (fields.optional("notes") != nullptr) take(fields, "notes", verdict.notes);
        bool known = false;
        for (const Status one : {Status::valid, Status::invalid, Status::interrupted}) {
            if (status != to_string(one)) continue;
            verdict.status = one;
            known = true;
        }
        if (!known) {
            fields.problems().add(fields.line(), fields.path_of("status"),
                                  "expected VALID, INVALID or INTERRUPTED");
        }
        for (const Culprit one : {Culprit::generator, Culprit::network, Culprit::target}) {
            if (cause == to_string(one)) verdict.culprit = one;
        }
        if (verdict.status == Status::invalid && verdict.reasons.empty()) {
            fields.problems().add(fields.line(), fields.path_of("reasons"),
                                  "expected a reason for INVALID");
        }
    });
}

PhaseReport read_phase(FieldReader& fields) {
    PhaseReport phase;
    take(fields, "name", phase.name);
    take(fields, "start_s", phase.start_s);
    take(fields, "seconds", phase.seconds);
    take(fields, "target_rate", phase.target_rate);
    take(fields, "achieved_rate", phase.achieved_rate);
    take(fields, "accounting", phase.accounting);
    take(fields, "latency_us", phase.latency_us);
    take(fields, "service_us", phase.service_us);
    take(fields, "send_lag_us", phase.send_lag_us);
    take(fields, "cpu", phase.cpu);
    take(fields, "arrivals", phase.arrivals);
    take(fields, "status", phase.status);
    // Absent from reports of a qck that did not tell.
    if (fields.optional("unexpected") != nullptr) take(fields, "unexpected", phase.unexpected);
    take(fields, "errors", phase.errors);
    take_whole(fields, "bytes_sent", phase.bytes_sent);
    take_whole(fields, "bytes_received", phase.bytes_received);
    take(fields, "latency_histogram", phase.latency_buckets);
    take(fields, "service_histogram", phase.service_buckets);
    return phase;
}

void take_phases(FieldReader& from, std::vector<PhaseReport>& phases) {
    take_each(from, "phases",
              [&phases](FieldReader& fields) { phases.push_back(read_phase(fields)); });
}

/// Absent in reports of a qck that did not keep them apart.
void take_requests(FieldReader& from, std::vector<RequestReport>& requests) {
    if (from.optional("requests") == nullptr) return;
    take_each(from, "requests", [&requests](FieldReader& fields) {
        RequestReport& kind = requests.emplace_back();
        take(fields, "name", kind.name);
        take_whole(fields, "sent", kind.sent);
        take_whole(fields, "unsent", kind.unsent);
        take_whole(fields, "answered", kind.answered);
        take_whole(fields, "unexpected", kind.unexpected);
        take_whole(fields, "failed", kind.failed);
        take_whole(fields, "timed_out", kind.timed_out);
        take(fields, "latency_us", kind.latency_us);
    });
}

void take_series(FieldReader& from, SeriesReport& series) {
    take_object(from, "series", [&series](FieldReader& fields) {
        take(fields, "interval_s", series.interval_s);
        take_numbers(fields, "target_rate", series.target);
        take_numbers(fields, "scheduled", series.scheduled);
        take_numbers(fields, "sent", series.sent);
        take_numbers(fields, "answered", series.answered);
        take_numbers_or_null(fields, "p50_us", series.p50_us);
        take_numbers_or_null(fields, "p90_us", series.p90_us);
        take_numbers_or_null(fields, "p99_us", series.p99_us);
        take_numbers_or_null(fields, "p999_us", series.p999_us);
        take_numbers_or_null(fields, "max_us", series.max_us);
        const JsonNode* const errors = fields.required("errors", "an object");
        if (errors != nullptr) {
            FieldReader causes(*errors, fields.path_of("errors"), fields.problems());
            for (const JsonNode::Member& member : errors->members) {
                take_numbers(causes, member.key, series.errors[member.key]);
            }
        }
        const std::size_t length = series.target.size();
        bool even = series.scheduled.size() == length && series.sent.size() == length &&
                    series.answered.size() == length && series.p50_us.size() == length &&
                    series.p90_us.size() == length && series.p99_us.size() == length &&
                    series.p999_us.size() == length && series.max_us.size() == length;
        for (const auto& [cause, counts] : series.errors) even = even && counts.size() == length;
        if (!even) fields.problems().add(fields.line(), "series", "its arrays differ in length");
    });
}

AgentReport read_agent(FieldReader& fields) {
    AgentReport agent;
    take(fields, "name", agent.name);
    take(fields, "address", agent.address);
    take_known(fields, "capacity_per_s", agent.capacity_per_s);
    take(fields, "share", agent.share);
    take_whole(fields, "threads", agent.threads);
    take(fields, "clock_offset_us", agent.clock_offset_us);
    take(fields, "clock_uncertainty_us", agent.clock_uncertainty_us);
    agent.reported = take_known(fields, "start_skew_us", agent.start_skew_us);
    take_known(fields, "cpu", agent.cpu);
    take_known(fields, "steal", agent.steal);
    take(fields, "accounting", agent.accounting);
    take(fields, "lost", agent.lost);
    take(fields, "lost_why", agent.lost_why);
    take(fields, "lost_after_s", agent.lost_after_s);
    take_whole(fields, "gap", agent.gap);
    return agent;
}

void take_generator(FieldReader& from, GeneratorReport& generator) {
    take_object(from, "generator", [&generator](FieldReader& fields) {
        take(fields, "cpu", generator.cpu);
        take(fields, "steal", generator.steal);
        if (fields.optional("others") != nullptr) take(fields, "others", generator.others);
        take_each(fields, "threads", [&generator](FieldReader& one) {
            ThreadReport& thread = generator.threads.emplace_back();
            take_whole(one, "cpu", thread.cpu);
            take(one, "cpu_share", thread.cpu_share);
            take_whole(one, "wakeups", thread.wakeups);
            take(one, "wake_lag_p99_us", thread.wake_lag_p99_us);
        });
        take_each(fields, "agents", [&generator](FieldReader& agent) {
            generator.agents.push_back(read_agent(agent));
        });
        take_whole(fields, "retransmits", generator.retransmits);
        take_whole(fields, "connections_opened", generator.connections_opened);
        take_whole(fields, "connections_lost", generator.connections_lost);
        take_whole(fields, "connections_open_max", generator.connections_open_max);
        take(fields, "connect_errors", generator.connect_errors);
        take_network(fields, generator);
        if (fields.optional("new_connections") == nullptr) return;
        take_object(fields, "new_connections", [&generator](FieldReader& rates) {
            take(rates, "asked_per_s", generator.new_connections_asked_per_s);
            take(rates, "opened_per_s", generator.new_connections_per_s);
        });
    });
}

void take_objectives(FieldReader& from, std::vector<Objective>& objectives) {
    take_each(from, "objectives", [&objectives](FieldReader& fields) {
        Objective& objective = objectives.emplace_back();
        take(fields, "expr", objective.expression);
        take(fields, "unit", objective.unit);
        take(fields, "pass", objective.pass);
        const JsonNode* const value = fields.optional("value");
        objective.measured = value != nullptr && !value->is(Kind::null);
        if (objective.measured) take(fields, "value", objective.value);
    });
}

void take_links(FieldReader& from, std::optional<LinkReport>& links) {
    const JsonNode* const node = from.optional("links");
    if (node == nullptr || node->is(Kind::null)) return;
    take_object(from, "links", [&links](FieldReader& fields) {
        links.emplace();
        take_object(fields, "hot", [&links](FieldReader& hot) {
            take(hot, "code", links->hot);
            take_whole(hot, "answered", links->hot_answered);
        });
        take_object(fields, "tail", [&links](FieldReader& tail) {
            take(tail, "prefix", links->tail_prefix);
            take_numbers(tail, "answered", links->tail);
        });
        take_whole(fields, "unknown", links->unknown);
        if (fields.optional("added") != nullptr) take_whole(fields, "added", links->added);
    });
}

void take_reconcile(FieldReader& from, Report& report) {
    std::optional<Reconciliation>& reconcile = report.reconcile;
    const JsonNode* const node = from.optional("reconcile");
    if (node == nullptr || node->is(Kind::null)) return;
    take_object(from, "reconcile", [&report, &reconcile](FieldReader& fields) {
        reconcile.emplace();
        take_whole(fields, "answered", reconcile->answered);
        take_whole(fields, "served", reconcile->served);
        take_whole(fields, "counted", reconcile->counted);
        take(fields, "stores", reconcile->stores);
        take_whole(fields, "difference", reconcile->difference);
        if (fields.optional("calibration") != nullptr) {
            take_whole(fields, "calibration", reconcile->calibration);
            take_whole(fields, "unanswered", reconcile->unanswered);
            return;
        }
        // An older qck did not say.
        const std::uint64_t of_run =
            report.accounting.answered + (report.visible ? report.visible->clicks : 0);
        reconcile->calibration = reconcile->answered - std::min(reconcile->answered, of_run);
    });
}

void take_target_count(FieldReader& from, std::optional<TargetCount>& count) {
    if (from.optional("target_count") == nullptr) return;
    take_object(from, "target_count", [&count](FieldReader& fields) {
        count.emplace();
        take(fields, "source", count->source);
        take_whole(fields, "before", count->before);
        take_whole(fields, "after", count->after);
        take_whole(fields, "expected", count->expected);
        take_whole(fields, "unknown", count->unknown);
        take_whole(fields, "difference", count->difference);
        take(fields, "waited_s", count->waited_s);
    });
}

void take_log(FieldReader& from, std::optional<LogReport>& log) {
    if (from.optional("log") == nullptr) return;
    take_object(from, "log", [&log](FieldReader& fields) {
        log.emplace();
        take(fields, "file", log->file);
        take(fields, "format", log->format);
        take(fields, "speed", log->speed);
        take_whole(fields, "lines", log->lines);
        take_whole(fields, "requests", log->requests);
        take_whole(fields, "other_method", log->other_method);
        take_whole(fields, "malformed", log->malformed);
        take_whole(fields, "out_of_order", log->out_of_order);
        take(fields, "first_malformed", log->first_malformed);
    });
}

void take_machine(FieldReader& from, Machine& machine) {
    take_object(from, "machine", [&machine](FieldReader& fields) {
        take(fields, "host", machine.host);
        take(fields, "cpu_model", machine.cpu_model);
        take_whole(fields, "cpus", machine.cpus);
        take(fields, "kernel", machine.kernel);
        take(fields, "system", machine.system);
        take_whole(fields, "memory_bytes", machine.memory_bytes);
    });
}

void take_run(FieldReader& document, Report& report) {
    take(document, "qck", report.qck);
    take(document, "scenario", report.scenario);
    take(document, "description", report.description);
    take(document, "target", report.target);
    take(document, "target_note", report.target_note);
    take(document, "scale", report.scale);
    take(document, "calibration", report.calibration);
    take(document, "scale_note", report.scale_note);
    take(document, "compress", report.compress);
    take(document, "nominal_peak_rate", report.nominal_peak_rate);
    take(document, "command", report.command);
    take_whole(document, "started_ms", report.started_ms);
    take(document, "seconds", report.seconds);
    take(document, "planned_s", report.planned_s);
    take(document, "closed_loop", report.closed_loop);
    take(document, "interrupted", report.interrupted);
    take_whole(document, "connections", report.connections);
    take_whole(document, "pipeline", report.pipeline);
    take(document, "timeout_s", report.timeout_s);
    take_whole(document, "seed", report.seed);
}

}  // namespace

Result<Report> from_json(std::string_view text, std::string_view file) {
    auto root = scenario::parse_json(text, file, limits);
    if (!root) return error(Errc::corrupt, root.error().message);
    Problems problems(file);
    FieldReader document(*root, "", problems);
    std::uint64_t format = 0;
    take_whole(document, "format", format);
    if (problems.none() && format != report_format) {
        return error(Errc::corrupt, std::string(file) + ": is of format " + std::to_string(format) +
                                        ", and this qck reads format " +
                                        std::to_string(report_format));
    }
    Report report;
    if (problems.none()) {
        take_run(document, report);
        take_verdict(document, report.verdict);
        take(document, "accounting", report.accounting);
        take(document, "latency_us", report.latency_us);
        take(document, "service_us", report.service_us);
        take(document, "send_lag_us", report.send_lag_us);
        take_phases(document, report.phases);
        take_requests(document, report.requests);
        take_series(document, report.series);
        take_generator(document, report.generator);
        take_objectives(document, report.objectives);
        take_links(document, report.links);
        if (document.optional("reconcile_failure") != nullptr) {
            take(document, "reconcile_failure", report.reconcile_failure);
        }
        take_target_count(document, report.target_count);
        take_log(document, report.log);
        take_steps(document, report.steps);
        take_visible(document, report.visible);
        take_reconcile(document, report);
        take_machine(document, report.machine);
    }
    if (!problems.none()) return error(Errc::corrupt, problems.to_one_line().message);
    return report;
}

}  // namespace qck::report
