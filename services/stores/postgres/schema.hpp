#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/stores/postgres/connection.hpp"

namespace qck::postgres {

struct SchemaChange {
    std::int64_t from = 0;  ///< version; 0: there was none
    std::int64_t to = 0;
    /// Tables that a schema of version `to` had lost, and has again, empty.
    std::vector<std::string> made_again;
};

/// The version this program knows.
std::int64_t newest_schema();

/// 0 when there is none.
Result<std::int64_t> schema_version(Connection& connection);

/// Brings the schema up to date, each version in a transaction of its own under an advisory lock,
/// so that instances may do it at the same time, and an interrupted one goes on where it stopped.
/// Tables that were dropped are made again.
/// A schema of a newer program is refused and left alone (Errc::invalid_argument).
Result<SchemaChange> migrate(Connection& connection);

/// Errc::conflict, with what to do, when the schema is older than the one this program knows,
/// or a table of it is gone;
/// Errc::invalid_argument when it is newer; what the connection fails with when it does not answer.
Result<void> check_schema(Connection& connection);

}  // namespace qck::postgres
