#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "services/ingest/flat_object.hpp"

namespace qck::ingest {

/// How a body holds its items.
enum class BodyForm : std::uint8_t { object, array, lines };

/// The form that a Content-Type says (`application/x-ndjson`, `application/ndjson`,
/// `application/jsonl`: lines) or, for `application/json`, `text/plain`, a plain form post (curl's
/// default) and none at all, that the body begins like. Errc::invalid_argument for other types.
Result<BodyForm> form_of(std::string_view content_type, std::string_view body);

/// One item of a body: `line` is its line in NDJSON, its place in an array, from 1.
struct Item {
    std::uint32_t line = 1;
    std::string_view json;
};

/// Cuts a body into its items; empty lines are passed over. Errc::corrupt or invalid_argument when
/// there is nothing to cut, Errc::unavailable when there are more than `items_max`. padding_bytes
/// more of memory follow `body`.
Result<void> cut(std::string_view body, BodyForm form, std::size_t items_max,
                 FlatObjectReader& reader, std::vector<Item>& items);

}  // namespace qck::ingest
