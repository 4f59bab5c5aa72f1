#include "loadgen/report/burst_json.hpp"

#include "loadgen/report/take_fields.hpp"

namespace qck::report {
namespace {

using Json = nlohmann::ordered_json;
using scenario::FieldReader;

Json json_of(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json json_of(const StepReport& step) {
    const auto settled = [&step](double value) { return step.settled ? Json(value) : Json(); };
    return {{"phase", step.phase},
            {"at_s", step.at_s},
            {"rate_before", step.rate_before},
            {"rate_after", step.rate_after},
            {"settled", step.settled},
            {"settled_rate", settled(step.settled_rate)},
            {"settled_p99_us", settled(step.settled_p99_us)},
            {"p99_peak_us", step.p99_peak_us},
            {"p99_overshoot", json_of(step.p99_overshoot)},
            {"rate_peak", step.rate_peak},
            {"rate_overshoot", json_of(step.rate_overshoot)},
            {"backlog_before", step.backlog_before},
            {"backlog_max", step.backlog_max},
            {"backlog_max_after_s", step.backlog_max_after_s},
            {"backlog_allowed", step.backlog_allowed},
            {"drain_s", json_of(step.drain_s)},
            {"objective", step.objective},
            {"objective_from", step.objective_from},
            {"outside_s", step.outside_s},
            {"back_within_s", json_of(step.back_within_s)}};
}

StepReport read_step(FieldReader& fields) {
    StepReport step;
    take(fields, "phase", step.phase);
    take(fields, "at_s", step.at_s);
    take(fields, "rate_before", step.rate_before);
    take(fields, "rate_after", step.rate_after);
    take(fields, "settled", step.settled);
    if (step.settled) {
        take(fields, "settled_rate", step.settled_rate);
        take(fields, "settled_p99_us", step.settled_p99_us);
    }
    take(fields, "p99_peak_us", step.p99_peak_us);
    take_known(fields, "p99_overshoot", step.p99_overshoot);
    take(fields, "rate_peak", step.rate_peak);
    take_known(fields, "rate_overshoot", step.rate_overshoot);
    take_whole(fields, "backlog_before", step.backlog_before);
    take_whole(fields, "backlog_max", step.backlog_max);
    take(fields, "backlog_max_after_s", step.backlog_max_after_s);
    take_whole(fields, "backlog_allowed", step.backlog_allowed);
    take_known(fields, "drain_s", step.drain_s);
    take(fields, "objective", step.objective);
    take(fields, "objective_from", step.objective_from);
    take(fields, "outside_s", step.outside_s);
    take_known(fields, "back_within_s", step.back_within_s);
    return step;
}

}  // namespace

Json json_of(const std::vector<StepReport>& steps) {
    Json out = Json::array();
    for (const StepReport& step : steps) out.push_back(json_of(step));
    return out;
}

Json json_of(const Visibility& visible) {
    return {{"code", visible.code},
            {"clicks", visible.clicks},
            {"unanswered", visible.unanswered},
            {"seen", visible.seen},
            {"p50_s", visible.seen > 0 ? Json(visible.p50_s) : Json()},
            {"max_s", visible.seen > 0 ? Json(visible.max_s) : Json()},
            {"waited_s", visible.waited_s},
            {"failure", visible.failure}};
}

void take_steps(FieldReader& document, std::optional<std::vector<StepReport>>& steps) {
    if (document.optional("steps") == nullptr) return;
    steps.emplace();
    take_each(document, "steps",
              [&steps](FieldReader& fields) { steps->push_back(read_step(fields)); });
}

void take_visible(FieldReader& document, std::optional<Visibility>& visible) {
    if (document.optional("visible") == nullptr) return;
    take_object(document, "visible", [&visible](FieldReader& fields) {
        visible.emplace();
        take(fields, "code", visible->code);
        take_whole(fields, "clicks", visible->clicks);
        take_whole(fields, "unanswered", visible->unanswered);
        take_whole(fields, "seen", visible->seen);
        if (visible->seen > 0) {
            take(fields, "p50_s", visible->p50_s);
            take(fields, "max_s", visible->max_s);
        }
        take(fields, "waited_s", visible->waited_s);
        take(fields, "failure", visible->failure);
    });
}

}  // namespace qck::report
