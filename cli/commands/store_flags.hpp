#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"
#include "services/stores/redis/client_config.hpp"

namespace qck::commands {

/// PEM files of the authorities that TLS to a store trusts; empty: the system's.
struct StoreAuthorities {
    std::string redis;
    std::string clickhouse;
};
/// `--redis-ca`.
void add_redis_authority(CLI::App& command, StoreAuthorities& authorities);
/// `--clickhouse-ca`.
void add_clickhouse_authority(CLI::App& command, StoreAuthorities& authorities);
/// Puts them where the stores were named. Errc::invalid_argument for one that nobody would look at.
Result<void> trust(const StoreAuthorities& authorities, std::optional<redis::ClientConfig>& redis,
                   std::optional<clickhouse::ClickhouseUrl>& clickhouse);

/// Values of --redis, --postgres and --clickhouse, wherever they are taken.
Result<std::optional<redis::ClientConfig>> parse_redis_flag(std::string_view text);
/// The text itself: libpq reads it, and names no secret in its errors.
Result<std::string> parse_postgres_flag(std::string_view text);
Result<std::optional<clickhouse::ClickhouseUrl>> parse_clickhouse_flag(std::string_view text);

}  // namespace qck::commands
