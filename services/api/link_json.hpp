#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "services/links/link.hpp"
#include "services/links/link_rules.hpp"
#include "services/links/link_store.hpp"

namespace qck::api {

/// A JSON object that describes a link or an edit: each field typed, not judged yet. A field that
/// was not there is empty; one that was null has an empty inner value.
struct LinkFields {
    template <class T>
    using Field = std::optional<std::optional<T>>;
    Field<std::string> url;
    Field<std::string> code;
    Field<std::int64_t> status;
    Field<std::int64_t> max_age;
    Field<std::string> expires_at;
    Field<std::int64_t> version;
};

/// One object of a body, or why it cannot be read. Each object's error is its own; nothing else
/// stops.
using EachObject = std::function<void(Result<LinkFields>)>;

/// Reads one JSON object, or an array of them when `array`, and gives each to `each`. Unknown and
/// repeated fields and wrong types are the object's error. The call itself fails only when `text`
/// is not JSON, with the place, or is not an object (array): then what was given so far is to be
/// dropped.
Result<void> read_objects(std::string_view text, bool array, const EachObject& each);

/// Checked by the rules. A null field counts as absent; `version` is refused.
Result<links::Link> link_from(LinkFields fields, const links::LinkRules& rules,
                              std::int64_t now_ms);
/// null clears max_age and expires_at; `version` is the one the link must still have.
Result<links::LinkPatch> patch_from(LinkFields fields, const links::LinkRules& rules,
                                    std::int64_t now_ms);

/// Appends a link as JSON: code, id (a string), url, status, max_age, expires_at, version,
/// created_at, updated_at; null for what is not set.
void append_link(std::string& json, const links::Link& link);
/// Appends `text` as a JSON string, escaped.
void append_string(std::string& json, std::string_view text);

}  // namespace qck::api
