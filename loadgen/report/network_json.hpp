#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "loadgen/report/report.hpp"
#include "loadgen/scenario/field_reader.hpp"

namespace qck::report {

/// `generator.interfaces` and `generator.sockets` of report.json.
nlohmann::ordered_json json_of(const std::vector<record::InterfaceUse>& interfaces);
nlohmann::ordered_json json_of(const record::SocketUse& sockets);

/// Reads both back; absent in reports of a qck that did not have them.
void take_network(scenario::FieldReader& fields, GeneratorReport& generator);

}  // namespace qck::report
