#pragma once

#include "base/error.hpp"
#include "services/stores/sqlite/sqlite_db.hpp"

namespace qck::sqlite {

/// The file inside a data directory that holds links, click totals and aggregates.
inline constexpr const char* database_file = "links.db";

/// Brings the tables of `db` to this program's version, in one transaction (PRAGMA user_version
/// says how far a file is). A file of a newer program is refused and left alone.
Result<void> migrate(Db& db);

}  // namespace qck::sqlite
