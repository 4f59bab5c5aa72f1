#pragma once

#include <vector>

#include "loadgen/scenario/field_reader.hpp"
#include "loadgen/scenario/plan.hpp"

namespace qck::scenario {

/// The phases of a scenario's `phases` array; what is wrong goes to `problems`.
std::vector<Phase> read_phases(FieldReader& document);

/// The request kinds of its `requests` array; one plain `GET /{link}` when it is absent.
std::vector<RequestKind> read_requests(FieldReader& document);

}  // namespace qck::scenario
