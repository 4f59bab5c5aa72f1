#include "loadgen/report/report_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "loadgen/report/burst_json.hpp"
#include "loadgen/report/network_json.hpp"

namespace qck::report {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const record::Accounting& a) {
    return {{"scheduled", a.scheduled}, {"sent", a.sent},     {"unsent", a.unsent},
            {"answered", a.answered},   {"failed", a.failed}, {"timed_out", a.timed_out},
            {"in_flight", a.in_flight}};
}

Json json_of(const std::optional<Latency>& l) {
    if (!l) return {};
    return {{"p50", l->p50},   {"p90", l->p90}, {"p99", l->p99},
            {"p999", l->p999}, {"max", l->max}, {"mean", l->mean}};
}

Json json_of(const record::CpuShares& shares) {
    if (!shares.measured) return {};
    return {
        {"steal", shares.stolen}, {"others", shares.others}, {"kept_waiting", shares.kept_waiting}};
}

Json json_of(const Buckets& buckets) {
    Json top = Json::array();
    Json count = Json::array();
    for (const auto& [top_ns, times] : buckets) {
        top.push_back(top_ns);
        count.push_back(times);
    }
    return {{"top_ns", std::move(top)}, {"count", std::move(count)}};
}

template <class Value>
Json json_of(const std::map<std::string, Value>& values) {
    Json out = Json::object();
    for (const auto& [key, value] : values) out[key] = value;
    return out;
}

Json json_of(const std::optional<ArrivalReport>& arrivals) {
    if (!arrivals) return {};
    return {{"requests", arrivals->requests},
            {"idle_max_us", arrivals->idle_max_us},
            {"late_max_us", arrivals->late_max_us}};
}

Json json_of(const PhaseReport& phase) {
    return {{"name", phase.name},
            {"start_s", phase.start_s},
            {"seconds", phase.seconds},
            {"target_rate", phase.target_rate},
            {"achieved_rate", phase.achieved_rate},
            {"accounting", json_of(phase.accounting)},
            {"latency_us", json_of(phase.latency_us)},
            {"service_us", json_of(phase.service_us)},
            {"send_lag_us", json_of(phase.send_lag_us)},
            {"cpu", json_of(phase.cpu)},
            {"arrivals", json_of(phase.arrivals)},
            {"status", json_of(phase.status)},
            {"unexpected", json_of(phase.unexpected)},
            {"errors", json_of(phase.errors)},
            {"bytes_sent", phase.bytes_sent},
            {"bytes_received", phase.bytes_received},
            {"latency_histogram", json_of(phase.latency_buckets)},
            {"service_histogram", json_of(phase.service_buckets)}};
}

Json json_of(const RequestReport& kind) {
    return {{"name", kind.name},
            {"sent", kind.sent},
            {"unsent", kind.unsent},
            {"answered", kind.answered},
            {"unexpected", kind.unexpected},
            {"failed", kind.failed},
            {"timed_out", kind.timed_out},
            {"latency_us", json_of(kind.latency_us)}};
}

Json json_of(const SeriesReport& s) {
    return {{"interval_s", s.interval_s}, {"target_rate", s.target},
            {"scheduled", s.scheduled},   {"sent", s.sent},
            {"answered", s.answered},     {"p50_us", s.p50_us},
            {"p90_us", s.p90_us},         {"p99_us", s.p99_us},
            {"p999_us", s.p999_us},       {"max_us", s.max_us},
            {"errors", json_of(s.errors)}};
}

Json json_of(const AgentReport& a) {
    const auto known = [&a](double value) { return a.reported ? Json(value) : Json(); };
    return {{"name", a.name},
            {"address", a.address},
            {"capacity_per_s", a.capacity_per_s > 0 ? Json(a.capacity_per_s) : Json()},
            {"share", a.share},
            {"threads", a.threads},
            {"clock_offset_us", a.clock_offset_us},
            {"clock_uncertainty_us", a.clock_uncertainty_us},
            {"start_skew_us", known(a.start_skew_us)},
            {"cpu", known(a.cpu)},
            {"steal", known(a.steal)},
            {"accounting", json_of(a.accounting)},
            {"lost", a.lost},
            {"lost_why", a.lost_why},
            {"lost_after_s", a.lost_after_s},
            {"gap", a.gap}};
}

Json json_of(const GeneratorReport& g) {
    Json threads = Json::array();
    for (const ThreadReport& thread : g.threads) {
        threads.push_back({{"cpu", thread.cpu},
                           {"cpu_share", thread.cpu_share},
                           {"wakeups", thread.wakeups},
                           {"wake_lag_p99_us", thread.wake_lag_p99_us}});
    }
    Json agents = Json::array();
    for (const AgentReport& agent : g.agents) agents.push_back(json_of(agent));
    Json out = {{"cpu", g.cpu},
                {"steal", g.steal},
                {"others", g.others},
                {"threads", std::move(threads)},
                {"agents", std::move(agents)},
                {"retransmits", g.retransmits},
                {"connections_opened", g.connections_opened},
                {"connections_lost", g.connections_lost},
                {"connections_open_max", g.connections_open_max},
                {"new_connections",
                 {{"asked_per_s", g.new_connections_asked_per_s},
                  {"opened_per_s", g.new_connections_per_s}}},
                {"connect_errors", json_of(g.connect_errors)}};
    if (!g.sockets) return out;
    out["sockets"] = report::json_of(*g.sockets);
    out["interfaces"] = report::json_of(g.interfaces);
    return out;
}

Json json_of(const std::vector<Objective>& objectives) {
    Json out = Json::array();
    for (const Objective& objective : objectives) {
        out.push_back({{"expr", objective.expression},
                       {"value", objective.measured ? Json(objective.value) : Json()},
                       {"unit", objective.unit},
                       {"pass", objective.pass}});
    }
    return out;
}

Json json_of(const Verdict& verdict) {
    return {{"status", to_string(verdict.status)},
            {"reasons", verdict.reasons},
            {"cause", to_string(verdict.culprit)},
            {"advice", verdict.advice},
            {"notes", verdict.notes}};
}

Json json_of(const std::optional<Reconciliation>& reconcile) {
    if (!reconcile) return {};
    return {{"answered", reconcile->answered},     {"served", reconcile->served},
            {"counted", reconcile->counted},       {"stores", json_of(reconcile->stores)},
            {"difference", reconcile->difference}, {"calibration", reconcile->calibration},
            {"unanswered", reconcile->unanswered}};
}

Json json_of(const std::optional<LinkReport>& links) {
    if (!links) return {};
    return {{"hot", {{"code", links->hot}, {"answered", links->hot_answered}}},
            {"tail", {{"prefix", links->tail_prefix}, {"answered", links->tail}}},
            {"unknown", links->unknown},
            {"added", links->added}};
}

Json json_of(const TargetCount& count) {
    return {{"source", count.source},    {"before", count.before},
            {"after", count.after},      {"expected", count.expected},
            {"unknown", count.unknown},  {"difference", count.difference},
            {"waited_s", count.waited_s}};
}

Json json_of(const LogReport& log) {
    return {{"file", log.file},
            {"format", log.format},
            {"speed", log.speed},
            {"lines", log.lines},
            {"requests", log.requests},
            {"other_method", log.other_method},
            {"malformed", log.malformed},
            {"out_of_order", log.out_of_order},
            {"first_malformed", log.first_malformed}};
}

Json json_of(const Machine& m) {
    return {{"host", m.host},     {"cpu_model", m.cpu_model}, {"cpus", m.cpus},
            {"kernel", m.kernel}, {"system", m.system},       {"memory_bytes", m.memory_bytes}};
}

/// Members of the document a line each, and phases a line each: small enough to diff, and not a
/// line a number.
std::string laid_out(const Json& document) {
    const auto line = [](const Json& value) {
        return value.dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    std::string text = "{";
    const char* comma = "\n";
    for (const auto& [key, value] : document.items()) {
        (text += comma) += Json(key).dump() + ": ";
        comma = ",\n";
        if (key != "phases") {
            text += line(value);
            continue;
        }
        text += '[';
        const char* between = "\n  ";
        for (const Json& phase : value) {
            (text += between) += line(phase);
            between = ",\n  ";
        }
        text += "\n]";
    }
    return text + "\n}\n";
}

}  // namespace

std::string to_json(const Report& report) {
    Json out;
    out["qck"] = report.qck;
    out["format"] = report_format;
    out["scenario"] = report.scenario;
    out["description"] = report.description;
    out["target"] = report.target;
    out["target_note"] = report.target_note;
    out["scale"] = report.scale;
    out["calibration"] = report.calibration;
    out["scale_note"] = report.scale_note;
    out["compress"] = report.compress;
    out["nominal_peak_rate"] = report.nominal_peak_rate;
    out["command"] = report.command;
    out["started_ms"] = report.started_ms;
    out["seconds"] = report.seconds;
    out["planned_s"] = report.planned_s;
    out["closed_loop"] = report.closed_loop;
    out["interrupted"] = report.interrupted;
    out["connections"] = report.connections;
    out["pipeline"] = report.pipeline;
    out["timeout_s"] = report.timeout_s;
    out["seed"] = report.seed;
    out["verdict"] = json_of(report.verdict);
    out["accounting"] = json_of(report.accounting);
    out["latency_us"] = json_of(report.latency_us);
    out["service_us"] = json_of(report.service_us);
    out["send_lag_us"] = json_of(report.send_lag_us);
    out["phases"] = Json::array();
    for (const PhaseReport& phase : report.phases) out["phases"].push_back(json_of(phase));
    out["requests"] = Json::array();
    for (const RequestReport& kind : report.requests) out["requests"].push_back(json_of(kind));
    out["generator"] = json_of(report.generator);
    out["objectives"] = json_of(report.objectives);
    out["links"] = json_of(report.links);
    out["reconcile"] = json_of(report.reconcile);
    if (!report.reconcile_failure.empty()) out["reconcile_failure"] = report.reconcile_failure;
    if (report.target_count) out["target_count"] = json_of(*report.target_count);
    if (report.log) out["log"] = json_of(*report.log);
    if (report.steps) out["steps"] = json_of(*report.steps);
    if (report.visible) out["visible"] = json_of(*report.visible);
    out["machine"] = json_of(report.machine);
    out["series"] = json_of(report.series);
    return laid_out(out);
}

}  // namespace qck::report
