#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"

namespace qck::clickhouse {

/// Of a server, as `SELECT version()` gives it: 18.16.1, 24.8.14.39.
struct ServerVersion {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    friend auto operator<=>(const ServerVersion&, const ServerVersion&) = default;

    /// LowCardinality without a setting and TTL of rows (both are there from 19.x on; only 24 and
    /// newer are tested).
    bool is_modern() const { return major >= 20; }
    /// The setting insert_deduplication_token.
    bool has_deduplication_token() const { return *this >= ServerVersion{22, 2}; }
};

Result<ServerVersion> parse_server_version(std::string_view text);

}  // namespace qck::clickhouse
