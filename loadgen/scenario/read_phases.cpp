#include <algorithm>

#include "loadgen/scenario/field_values.hpp"
#include "loadgen/scenario/limits.hpp"
#include "loadgen/scenario/read_parts.hpp"

namespace qck::scenario {
namespace {

constexpr std::string_view shape_wanted = "constant, ramp or decay";

Shape take_shape(FieldReader& fields) {
    std::string text = "constant";
    take_text(
        fields, "shape", Need::optional, shape_wanted,
        [](std::string_view t) { return t == "constant" || t == "ramp" || t == "decay"; }, text);
    if (text == "ramp") return Shape::ramp;
    return text == "decay" ? Shape::decay : Shape::constant;
}

/// `rate` belongs to constant phases, `from` and `to` to the others; one that stands where it does
/// not belong is refused rather than ignored.
void take_rates(FieldReader& fields, Phase& phase) {
    if (phase.shape == Shape::constant) {
        take_rate(fields, "rate", Need::required, Zero::refused, phase.rate_from_per_s);
        phase.rate_to_per_s = phase.rate_from_per_s;
        for (const char* key : {"from", "to"}) {
            if (fields.optional(key) == nullptr) continue;
            fields.problems().add(fields.optional(key)->line, fields.path_of(key),
                                  "only a ramp or a decay has it; a constant phase has rate");
        }
        return;
    }
    const Zero zero = phase.shape == Shape::ramp ? Zero::allowed : Zero::refused;
    take_rate(fields, "from", Need::required, zero, phase.rate_from_per_s);
    take_rate(fields, "to", Need::required, zero, phase.rate_to_per_s);
    if (const JsonNode* const rate = fields.optional("rate")) {
        fields.problems().add(rate->line, fields.path_of("rate"),
                              "only a constant phase has it; a ramp or a decay has from and to");
    }
}

Phase read_phase(const JsonNode& node, const std::string& path, Problems& problems) {
    FieldReader fields(node, path, problems);
    Phase phase;
    if (!node.is(JsonNode::Kind::object)) return phase;
    take_text(fields, "name", Need::required, name_wanted, is_name, phase.name);
    phase.shape = take_shape(fields);
    take_rates(fields, phase);
    take_duration(fields, "duration", Need::required, limits::duration_max,
                  limits::duration_max_text, phase.duration);
    fields.refuse_others();
    return phase;
}

}  // namespace

std::vector<Phase> read_phases(FieldReader& document) {
    static constexpr std::string_view wanted = "an array of 1 to 100 phases";
    std::vector<Phase> phases;
    Problems& problems = document.problems();
    const JsonNode* const node = document.required("phases", wanted);
    if (node == nullptr) return phases;
    if (!node->is(JsonNode::Kind::array) || node->items.empty() ||
        node->items.size() > limits::phases_max) {
        problems.expected(*node, "phases", wanted);
        return phases;
    }
    for (std::size_t i = 0; i < node->items.size(); ++i) {
        const std::string path = "phases[" + std::to_string(i) + "]";
        Phase phase = read_phase(node->items[i], path, problems);
        const bool taken = std::any_of(phases.begin(), phases.end(), [&](const Phase& other) {
            return !phase.name.empty() && other.name == phase.name;
        });
        if (taken) {
            problems.add(node->items[i].find("name")->line, path + ".name",
                         "there is a phase named " + json_quoted(phase.name) + " already");
        }
        phases.push_back(std::move(phase));
    }
    return phases;
}

}  // namespace qck::scenario
