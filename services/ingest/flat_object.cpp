#include "services/ingest/flat_object.hpp"

#include <simdjson.h>

namespace qck::ingest {
namespace {

namespace ondemand = simdjson::ondemand;

Error not_json(simdjson::error_code failure) {
    return error(Errc::corrupt, std::string("not JSON: ") + simdjson::error_message(failure));
}

Error not_an(const char* expected) {
    return error(Errc::invalid_argument, std::string("expected a JSON ") + expected);
}

/// The key as it stands, or unescaped where it has escapes.
simdjson::error_code read_key(ondemand::field& field, StringArena& arena, std::string_view& key) {
    // The parser found the closing quote before, so this ends.
    const char* const begin = field.key().raw();
    const char* end = begin;
    while (*end != '"' && *end != '\\') ++end;
    if (*end == '"') {
        key = {begin, static_cast<std::size_t>(end - begin)};
        return simdjson::SUCCESS;
    }
    std::string_view unescaped;
    if (const auto failure = field.unescaped_key().get(unescaped)) return failure;
    key = arena.keep(unescaped);
    return simdjson::SUCCESS;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view without_space(std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

simdjson::error_code read_string(ondemand::value& value, StringArena& arena, Field& field) {
    field.kind = FieldKind::string;
    const std::string_view token = without_space(value.raw_json_token());
    // Control characters and broken UTF-8 were refused when the document was indexed, so a
    // string without escapes is its own content.
    if (token.size() >= 2 && token.back() == '"' && token.find('\\') == std::string_view::npos) {
        field.text = token.substr(1, token.size() - 2);
        return simdjson::SUCCESS;
    }
    std::string_view unescaped;
    if (const auto failure = value.get_string().get(unescaped)) return failure;
    field.text = arena.keep(unescaped);
    return simdjson::SUCCESS;
}

simdjson::error_code read_value(ondemand::value& value, StringArena& arena, Field& field) {
    ondemand::json_type type{};
    if (const auto failure = value.type().get(type)) return failure;
    switch (type) {
        case ondemand::json_type::string:
            return read_string(value, arena, field);
        case ondemand::json_type::array:
        case ondemand::json_type::object:
            field.kind = FieldKind::nested;
            field.text = {};
            return simdjson::SUCCESS;
        case ondemand::json_type::number:
            field.kind = FieldKind::number;
            break;
        case ondemand::json_type::boolean:
            field.kind = FieldKind::boolean;
            break;
        case ondemand::json_type::null:
            field.kind = FieldKind::null;
            break;
    }
    field.text = without_space(value.raw_json_token());
    return simdjson::SUCCESS;
}

simdjson::padded_string_view padded(std::string_view json) {
    return simdjson::padded_string_view(json.data(), json.size(),
                                        json.size() + simdjson::SIMDJSON_PADDING);
}

bool at_end(ondemand::document& document) {
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

}  // namespace

static_assert(padding_bytes >= simdjson::SIMDJSON_PADDING);

struct FlatObjectReader::Parser {
    ondemand::parser parser;
};

FlatObjectReader::FlatObjectReader() : parser_(std::make_unique<Parser>()) {}
FlatObjectReader::~FlatObjectReader() = default;

Result<std::span<const Field>> FlatObjectReader::read(std::string_view json, StringArena& arena) {
    ondemand::document document;
    if (const auto failure = parser_->parser.iterate(padded(json)).get(document)) {
        return not_json(failure);
    }
    ondemand::object object;
    if (const auto failure = document.get_object().get(object)) {
        return failure == simdjson::INCORRECT_TYPE ? not_an("object") : not_json(failure);
    }
    std::size_t count = 0;
    for (auto next : object) {
        ondemand::field member;
        if (const auto failure = std::move(next).get(member)) return not_json(failure);
        if (count == fields_max) {
            return error(Errc::invalid_argument,
                         "more than " + std::to_string(fields_max) + " fields");
        }
        Field& field = fields_[count];
        auto failure = read_key(member, arena, field.key);
        if (!failure) failure = read_value(member.value(), arena, field);
        if (failure) return not_json(failure);
        ++count;
    }
    if (!at_end(document)) {
        return error(Errc::corrupt, "not JSON: more text after the object's end");
    }
    return std::span<const Field>(fields_.data(), count);
}

Result<void> FlatObjectReader::split(std::string_view json, std::size_t elements_max,
                                     std::vector<std::string_view>& elements) {
    ondemand::document document;
    if (const auto failure = parser_->parser.iterate(padded(json)).get(document)) {
        return not_json(failure);
    }
    ondemand::array array;
    if (const auto failure = document.get_array().get(array)) {
        return failure == simdjson::INCORRECT_TYPE ? not_an("array") : not_json(failure);
    }
    for (auto next : array) {
        ondemand::value element;
        // NOLINTNEXTLINE(performance-move-const-arg): get() is for rvalues only
        if (const auto failure = std::move(next).get(element)) return not_json(failure);
        if (elements.size() == elements_max) {
            return error(Errc::unavailable, "more than " + std::to_string(elements_max) + " items");
        }
        ondemand::json_type type{};
        if (const auto failure = element.type().get(type)) return not_json(failure);
        std::string_view text;
        if (type == ondemand::json_type::object) {
            ondemand::object object;
            auto failure = element.get_object().get(object);
            if (!failure) failure = object.raw_json().get(text);
            if (failure) return not_json(failure);
        } else {
            text = without_space(element.raw_json_token());
        }
        elements.push_back(text);
    }
    if (!at_end(document)) {
        return error(Errc::corrupt, "not JSON: more text after the array's end");
    }
    return {};
}

}  // namespace qck::ingest
