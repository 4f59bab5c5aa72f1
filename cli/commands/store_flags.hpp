#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "services/stores/clickhouse/clickhouse_url.hpp"
#include "services/stores/redis/client_config.hpp"

namespace qck::commands {

/// Values of --redis, --postgres and --clickhouse, wherever they are taken.
Result<std::optional<redis::ClientConfig>> parse_redis_flag(std::string_view text);
/// The text itself: libpq reads it, and names no secret in its errors.
Result<std::string> parse_postgres_flag(std::string_view text);
Result<std::optional<clickhouse::ClickhouseUrl>> parse_clickhouse_flag(std::string_view text);

}  // namespace qck::commands
