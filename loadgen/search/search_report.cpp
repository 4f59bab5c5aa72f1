#include "loadgen/search/search_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "base/version.hpp"

namespace qck::search {
namespace {

using Json = nlohmann::ordered_json;

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// The last failure at a rate, of the kind that bounded the search; null when there was none.
const StepResult* failure_at(const SearchReport& report, double rate_per_s) {
    const StepResult* found = nullptr;
    for (const StepResult& step : report.steps) {
        if (step.step.rate_per_s != rate_per_s || step.outcome == Outcome::held) continue;
        if (found == nullptr || step.outcome == Outcome::missed ||
            found->outcome != Outcome::missed) {
            found = &step;
        }
    }
    return found;
}

std::string bound_text(const SearchReport& report) {
    if (report.failed_per_s <= 0) return {};
    const StepResult* const step = failure_at(report, report.failed_per_s);
    return "; at " + format_rate(report.failed_per_s) + "/s" +
           (step == nullptr ? " it did not" : ": " + step->reason);
}

std::string held_text(const SearchReport& report) {
    std::string text = format_rate(report.rate_per_s) + "/s holds " + joined(report.objectives);
    if (report.confirmed) {
        text += " (confirmed for " + format_duration(report.settings.confirm) + ")";
    }
    return text;
}

Json json_of(const std::optional<report::Latency>& l) {
    if (!l) return {};
    return {{"p50", l->p50},   {"p90", l->p90}, {"p99", l->p99},
            {"p999", l->p999}, {"max", l->max}, {"mean", l->mean}};
}

Json json_of(const StepResult& step) {
    Json objectives = Json::array();
    for (const report::Objective& one : step.objectives) {
        objectives.push_back({{"expr", one.expression},
                              {"value", one.measured ? Json(one.value) : Json()},
                              {"unit", one.unit},
                              {"pass", one.pass}});
    }
    const record::Accounting& a = step.accounting;
    return {{"kind", to_string(step.step.kind)},
            {"rate", step.step.rate_per_s},
            {"seconds", std::chrono::duration<double>(step.step.duration).count()},
            {"attempt", step.step.attempt},
            {"outcome", to_string(step.outcome)},
            {"cause", to_string(step.culprit)},
            {"reason", step.reason},
            {"began_at_rest", step.began_at_rest},
            {"verdict", to_string(step.verdict)},
            {"achieved_rate", step.achieved_per_s},
            {"accounting",
             {{"scheduled", a.scheduled},
              {"sent", a.sent},
              {"unsent", a.unsent},
              {"answered", a.answered},
              {"failed", a.failed},
              {"timed_out", a.timed_out},
              {"in_flight", a.in_flight}}},
            {"latency_us", json_of(step.latency_us)},
            {"send_lag_us", json_of(step.send_lag_us)},
            {"cpu", step.cpu},
            {"steal", step.steal},
            {"objectives", std::move(objectives)}};
}

}  // namespace

void take_status(SearchReport& report, const CapacitySearch& search) {
    report.status = search.status();
    report.rate_per_s = search.rate_per_s();
    report.failed_per_s = search.failed_per_s();
    report.confirmed = search.confirmed();
}

std::string conclusion_of(const SearchReport& report) {
    const std::string rate = format_rate(report.rate_per_s) + "/s";
    switch (report.status) {
        case SearchStatus::searching:
            return "nothing was searched";
        case SearchStatus::found:
            return held_text(report) + bound_text(report);
        case SearchStatus::reaches_limit:
            return held_text(report) + "; no more than that was asked for (--to)";
        case SearchStatus::generator_bound:
            if (report.rate_per_s <= 0) {
                return "no limit of the target was found: the generator fell short at every rate" +
                       bound_text(report);
            }
            return "no limit of the target was found: " +
                   (report.confirmed
                        ? held_text(report)
                        : rate + " held for " + format_duration(report.settings.step)) +
                   (report.failed_per_s > report.rate_per_s
                        ? ", and more could not be offered"
                        : ", and could not be offered for " +
                              format_duration(report.settings.confirm)) +
                   bound_text(report);
        case SearchStatus::none:
            return "no rate down to 1/s holds " + joined(report.objectives) + bound_text(report);
        case SearchStatus::unconfirmed:
            return "no rate held " + joined(report.objectives) + " for " +
                   format_duration(report.settings.confirm) + ", though rates up to " + rate +
                   " held for " + format_duration(report.settings.step) + bound_text(report);
        case SearchStatus::interrupted:
            return report.rate_per_s > 0 ? "stopped early; " + rate + " had held for " +
                                               format_duration(report.settings.step)
                                         : "stopped early, before any rate had held";
    }
    return {};
}

std::string advice_of(const SearchReport& report) {
    if (report.status == SearchStatus::generator_bound) {
        return "This is what the generator can offer, not what the target can take: give it more "
               "cores or --threads, cores of its own (--pin), or more machines.";
    }
    if (report.status == SearchStatus::unconfirmed) {
        return "The target wears out within the longer run, or is disturbed: look for a queue that "
               "fills, or search with a longer --step.";
    }
    if (report.status == SearchStatus::reaches_limit) return "Raise --to to find where it ends.";
    return {};
}

std::string to_json(const SearchReport& report) {
    Json out;
    out["qck"] = version;
    out["format"] = search_format;
    out["kind"] = "search";
    out["target"] = report.context.target;
    out["target_note"] = report.context.target_note;
    out["command"] = report.context.command;
    out["calibration"] = report.context.calibration;
    out["started_ms"] = report.started_ms;
    out["connections"] = report.connections;
    out["pipeline"] = report.pipeline;
    out["objectives"] = report.objectives;
    const auto seconds = [](std::chrono::nanoseconds span) {
        return std::chrono::duration<double>(span).count();
    };
    out["settings"] = {{"from_rate", report.settings.from_per_s},
                       {"to_rate", report.settings.to_per_s},
                       {"precision", report.settings.precision},
                       {"tries", report.settings.tries},
                       {"step_s", seconds(report.settings.step)},
                       {"confirm_s", seconds(report.settings.confirm)},
                       {"settle_s", seconds(report.settings.settle_max)}};
    out["result"] = {{"status", to_string(report.status)},
                     {"rate", report.rate_per_s > 0 ? Json(report.rate_per_s) : Json()},
                     {"confirmed", report.confirmed},
                     {"failed_rate", report.failed_per_s > 0 ? Json(report.failed_per_s) : Json()},
                     {"conclusion", conclusion_of(report)},
                     {"advice", advice_of(report)}};
    out["machine"] = {
        {"host", report.machine.host},     {"cpu_model", report.machine.cpu_model},
        {"cpus", report.machine.cpus},     {"kernel", report.machine.kernel},
        {"system", report.machine.system}, {"memory_bytes", report.machine.memory_bytes}};
    if (const auto& counts = report.reconcile) {
        out["reconcile"] = {{"answered", counts->answered},
                            {"served", counts->served},
                            {"counted", counts->counted},
                            {"stores", counts->stores},
                            {"difference", counts->difference}};
    }
    out["steps"] = Json::array();
    for (const StepResult& step : report.steps) out["steps"].push_back(json_of(step));
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace qck::search
