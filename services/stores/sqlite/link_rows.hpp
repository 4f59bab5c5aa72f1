#pragma once

#include "services/links/link.hpp"
#include "services/stores/sqlite/sqlite_db.hpp"

namespace qck::sqlite {

/// The columns of `links` in the order that bind_link() and link_of() use.
#define QCK_LINK_COLUMNS \
    "id,code,target,status,max_age_s,expires_at_ms,version,created_at_ms,updated_at_ms"

/// Binds parameters 1 to 9; the link outlives the step.
inline void bind_link(Statement& statement, const links::Link& link) {
    statement.bind(1, link.id)
        .bind(2, std::string_view(link.code))
        .bind(3, std::string_view(link.target))
        .bind(4, static_cast<std::int64_t>(link.status))
        .bind(5, link.max_age_s)
        .bind(6, link.expires_at_ms)
        .bind(7, link.version)
        .bind(8, link.created_at_ms)
        .bind(9, link.updated_at_ms);
}

/// The link of the current row.
inline links::Link link_of(const Statement& row) {
    links::Link link;
    link.id = static_cast<std::uint64_t>(row.integer(0));
    link.code = row.text(1);
    link.target = row.text(2);
    link.status = static_cast<std::uint16_t>(row.integer(3));
    if (!row.is_null(4)) link.max_age_s = static_cast<std::uint32_t>(row.integer(4));
    if (!row.is_null(5)) link.expires_at_ms = row.integer(5);
    link.version = static_cast<std::uint64_t>(row.integer(6));
    link.created_at_ms = row.integer(7);
    link.updated_at_ms = row.integer(8);
    return link;
}

}  // namespace qck::sqlite
