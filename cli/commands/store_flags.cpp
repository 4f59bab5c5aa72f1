#include "cli/commands/store_flags.hpp"

#include <utility>

namespace qck::commands {

Result<std::optional<redis::ClientConfig>> parse_redis_flag(std::string_view text) {
    auto url = redis::parse_redis_url(text);
    if (!url) return url.error();
    redis::ClientConfig client;
    client.url = std::move(*url);
    return std::optional(std::move(client));
}

Result<std::string> parse_postgres_flag(std::string_view text) {
    if (text.starts_with("postgresql://") || text.starts_with("postgres://")) {
        return std::string(text);
    }
    return error(Errc::invalid_argument,
                 "not the address of a PostgreSQL (try postgresql://USER@HOST:5432/DATABASE)");
}

Result<std::optional<clickhouse::ClickhouseUrl>> parse_clickhouse_flag(std::string_view text) {
    auto url = clickhouse::parse_clickhouse_url(text);
    if (!url) return url.error();
    return std::optional(std::move(*url));
}

}  // namespace qck::commands
