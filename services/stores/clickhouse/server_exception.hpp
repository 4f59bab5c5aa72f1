#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace qck::clickhouse {

/// The code of what ClickHouse itself says went wrong; 0 where it says nothing of the kind: the
/// answer is of something before it (a proxy's 502 or 504), and tells nothing of the query.
int exception_code(std::string_view body);

/// An answer that is no success as one line: what the server says without its stack trace, e.g.
/// `ClickHouse at http://a:8123: Table qck_analytics.link_events doesn't exist (code 60; run qck
/// init)`. Unknown tables and databases are Errc::not_found, wrong passwords Errc::permission, a
/// query that runs already Errc::conflict, everything else Errc::unavailable.
Error server_exception(const std::string& node, unsigned status, std::string_view body);

}  // namespace qck::clickhouse
