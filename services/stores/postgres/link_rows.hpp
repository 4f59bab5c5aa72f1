#pragma once

#include <algorithm>
#include <string_view>

#include "services/links/link.hpp"
#include "services/stores/postgres/values.hpp"

namespace qck::postgres {

/// The columns of `links` in the order that link_of() reads them; times are milliseconds since
/// 1970.
#define QCK_LINK_COLUMNS                                                        \
    "links.id, links.short_code, target_url, status, "                          \
    "max_age, (extract(epoch FROM expires_at) * 1000)::bigint, links.version, " \
    "(extract(epoch FROM created_at) * 1000)::bigint, "                         \
    "(extract(epoch FROM updated_at) * 1000)::bigint"

/// A time of `milliseconds` (an expression) since 1970.
#define QCK_TIME_OF(milliseconds) \
    "(timestamptz 'epoch' + " milliseconds " * interval '1 millisecond')"

inline links::Link link_of(const Rows& rows, std::size_t row) {
    links::Link link;
    link.id = rows.number(row, 0);
    link.code = rows.text(row, 1);
    link.target = rows.text(row, 2);
    link.status = static_cast<std::uint16_t>(rows.integer(row, 3));
    if (!rows.is_null(row, 4)) link.max_age_s = static_cast<std::uint32_t>(rows.integer(row, 4));
    if (!rows.is_null(row, 5)) link.expires_at_ms = rows.integer(row, 5);
    link.version = rows.number(row, 6);
    link.created_at_ms = rows.integer(row, 7);
    link.updated_at_ms = rows.integer(row, 8);
    return link;
}

/// Whether the server would take `code` as text at all. Codes of links are ASCII; what somebody
/// asks for may be anything, and is then not there.
inline bool may_be_a_code(std::string_view code) {
    return std::all_of(code.begin(), code.end(), [](char c) { return c > 0; });
}

}  // namespace qck::postgres
