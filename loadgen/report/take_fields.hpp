#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
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

/// A number, or null where it is not known: then false, and `out` stays as it is.
bool take_known(scenario::FieldReader& from, std::string_view key, double& out);
void take_known(scenario::FieldReader& from, std::string_view key, std::optional<double>& out);

/// The items of an array field; null, and a problem, when it is none.
const std::vector<scenario::JsonNode>* items_of(scenario::FieldReader& from, std::string_view key);

/// Reads each item of an array field by `read(FieldReader&)`.
template <class Read>
void take_each(scenario::FieldReader& from, std::string_view key, Read&& read) {
    const auto* const items = items_of(from, key);
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
        scenario::FieldReader fields((*items)[i], from.path_of(key) + "[" + std::to_string(i) + "]",
                                     from.problems());
        read(fields);
    }
}

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
