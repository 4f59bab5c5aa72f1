#pragma once

#include <string_view>

#include "services/api/link_json.hpp"

namespace qck::api {

/// Reads the JSON that programs write for a link: one object of known fields, each once, with
/// strings of ASCII without escapes, whole numbers and null.
///
/// True when `text` is that and nothing else; `fields` then holds what read_objects() would find,
/// in a tenth of its work. False for all other texts, good ones among them: read_objects() has
/// to judge them, and `fields` holds nothing of worth.
bool read_plain_object(std::string_view text, LinkFields& fields);

}  // namespace qck::api
