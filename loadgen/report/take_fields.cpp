#include "loadgen/report/take_fields.hpp"

namespace qck::report {

using scenario::FieldReader;
using scenario::JsonNode;
using Kind = scenario::JsonNode::Kind;

namespace {

/// Takes a field of one kind by `read(const JsonNode&)`.
template <class Read>
void take_kind(FieldReader& from, std::string_view key, Kind kind, std::string_view expected,
               Read&& read) {
    const JsonNode* const node = from.required(key, expected);
    if (node == nullptr) return;
    if (node->is(kind)) {
        read(*node);
    } else {
        from.problems().expected(*node, from.path_of(key), expected);
    }
}

/// Takes the items of an array by `read(const JsonNode&)`, up to one that it does not want.
template <class Read>
void take_items(FieldReader& from, std::string_view key, std::string_view array,
                std::string_view items, Read&& read) {
    take_kind(from, key, Kind::array, array, [&](const JsonNode& node) {
        for (const JsonNode& item : node.items) {
            if (read(item)) continue;
            from.problems().expected(item, from.path_of(key), items);
            return;
        }
    });
}

}  // namespace

void take(FieldReader& from, std::string_view key, std::string& out) {
    take_kind(from, key, Kind::string, "a string",
              [&out](const JsonNode& node) { out = node.text; });
}

void take(FieldReader& from, std::string_view key, bool& out) {
    take_kind(from, key, Kind::boolean, "true or false",
              [&out](const JsonNode& node) { out = node.boolean; });
}

void take(FieldReader& from, std::string_view key, double& out) {
    take_kind(from, key, Kind::number, "a number",
              [&out](const JsonNode& node) { out = node.number; });
}

void take(FieldReader& from, std::string_view key, std::vector<std::string>& out) {
    take_items(from, key, "an array", "strings", [&out](const JsonNode& item) {
        if (item.is(Kind::string)) out.push_back(item.text);
        return item.is(Kind::string);
    });
}

void take(FieldReader& from, std::string_view key, std::map<std::string, std::uint64_t>& out) {
    const JsonNode* const node = from.required(key, "an object");
    if (node == nullptr) return;
    FieldReader fields(*node, from.path_of(key), from.problems());
    for (const JsonNode::Member& member : node->members) {
        take_whole(fields, member.key, out[member.key]);
    }
}

void take_numbers(FieldReader& from, std::string_view key, std::vector<double>& out) {
    take_items(from, key, "an array of numbers", "numbers", [&out](const JsonNode& item) {
        if (item.is(Kind::number)) out.push_back(item.number);
        return item.is(Kind::number);
    });
}

void take_numbers(FieldReader& from, std::string_view key, std::vector<std::uint64_t>& out) {
    take_items(from, key, "an array of whole numbers", "whole numbers of 0 or more",
               [&out](const JsonNode& item) {
                   if (item.whole) out.push_back(*item.whole);
                   return item.whole.has_value();
               });
}

void take_numbers_or_null(FieldReader& from, std::string_view key, std::vector<double>& out) {
    take_items(from, key, "an array of numbers", "numbers or null", [&out](const JsonNode& item) {
        const bool number = item.is(Kind::number);
        const bool null = item.is(Kind::null);
        if (number) out.push_back(item.number);
        if (null) out.push_back(std::numeric_limits<double>::quiet_NaN());
        return number || null;
    });
}

bool take_known(FieldReader& from, std::string_view key, double& out) {
    const JsonNode* const node = from.required(key, "a number or null");
    if (node == nullptr || node->is(Kind::null)) return false;
    take(from, key, out);
    return true;
}

void take_known(FieldReader& from, std::string_view key, std::optional<double>& out) {
    double value = 0;
    if (take_known(from, key, value)) out = value;
}

const std::vector<JsonNode>* items_of(FieldReader& from, std::string_view key) {
    const JsonNode* const node = from.required(key, "an array");
    if (node == nullptr) return nullptr;
    if (!node->is(Kind::array)) {
        from.problems().expected(*node, from.path_of(key), "an array");
        return nullptr;
    }
    return &node->items;
}

}  // namespace qck::report
