#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/scenario/field_reader.hpp"

namespace qck::report {

/// Each takes the field `key` of an object into `out`. What is absent or of another kind is a
/// problem, which says what was expected, and leaves `out` as it is.
void take(scenario::FieldReader& from, std::string_view key, std::string& out);
void take(scenario::FieldReader& from, std::string_view key, bool& out);
void take(scenario::FieldReader& from, std::string_view key, double& out);
void take(scenario::FieldReader& from, std::string_view key, std::vector<std::string>& out);
void take(scenario::FieldReader& from, std::string_view key,
          std::map<std::string, std::uint64_t>& out);
void take_numbers(scenario::FieldReader& from, std::string_view key, std::vector<double>& out);
void take_numbers(scenario::FieldReader& from, std::string_view key,
                  std::vector<std::uint64_t>& out);
/// As take_numbers; null is not a number.
void take_numbers_or_null(scenario::FieldReader& from, std::string_view key,
                          std::vector<double>& out);

/// The items of an array field; null, and a problem, when it is none.
const std::vector<scenario::JsonNode>* items_of(scenario::FieldReader& from, std::string_view key);

template <class Whole>
void take_whole(scenario::FieldReader& from, std::string_view key, Whole& out) {
    const scenario::JsonNode* const node = from.required(key, "a whole number");
    if (node == nullptr) return;
    const bool fits = node->is(scenario::JsonNode::Kind::number) &&
                      node->number == std::floor(node->number) &&
                      node->number >= static_cast<double>(std::numeric_limits<Whole>::min()) &&
                      node->number <= static_cast<double>(std::numeric_limits<Whole>::max());
    if (!fits) {
        from.problems().expected(*node, from.path_of(key), "a whole number");
        return;
    }
    out = node->whole ? static_cast<Whole>(*node->whole) : static_cast<Whole>(node->number);
}

/// Reads the object of that field by `read(FieldReader&)`.
template <class Read>
void take_object(scenario::FieldReader& from, std::string_view key, Read&& read) {
    const scenario::JsonNode* const node = from.required(key, "an object");
    if (node == nullptr) return;
    scenario::FieldReader fields(*node, from.path_of(key), from.problems());
    if (node->is(scenario::JsonNode::Kind::object)) read(fields);
}

}  // namespace qck::report
