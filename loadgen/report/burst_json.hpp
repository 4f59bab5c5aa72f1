#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "loadgen/report/burst.hpp"
#include "loadgen/report/report.hpp"
#include "loadgen/scenario/field_reader.hpp"

namespace qck::report {

/// `steps` and `visible` of report.json. What is not known is null.
nlohmann::ordered_json json_of(const std::vector<StepReport>& steps);
nlohmann::ordered_json json_of(const Visibility& visible);

/// Reads them back; absent in reports of a qck that did not have them.
void take_steps(scenario::FieldReader& document, std::optional<std::vector<StepReport>>& steps);
void take_visible(scenario::FieldReader& document, std::optional<Visibility>& visible);

}  // namespace qck::report
