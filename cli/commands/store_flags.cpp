#include "cli/commands/store_flags.hpp"

#include <algorithm>
#include <utility>

#include "cli/commands/options.hpp"

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

void add_redis_authority(CLI::App& command, StoreAuthorities& authorities) {
    add_parsed(command, "--redis-ca", authorities.redis, readable_file,
               "PEM file of the authorities that rediss:// trusts (the system's)", "FILE");
}

void add_clickhouse_authority(CLI::App& command, StoreAuthorities& authorities) {
    add_parsed(command, "--clickhouse-ca", authorities.clickhouse, readable_file,
               "PEM file of the authorities that https:// of --clickhouse trusts (the system's)",
               "FILE");
}

Result<void> trust(const StoreAuthorities& authorities, std::optional<redis::ClientConfig>& redis,
                   std::optional<clickhouse::ClickhouseUrl>& clickhouse) {
    if (!authorities.redis.empty()) {
        if (!redis || !redis->url.tls) {
            return error(Errc::invalid_argument,
                         "--redis-ca is for a --redis that begins with rediss:// or "
                         "rediss-sentinel://");
        }
        redis->tls_ca_file = authorities.redis;
    }
    if (!authorities.clickhouse.empty()) {
        const bool secure =
            clickhouse && std::any_of(clickhouse->nodes.begin(), clickhouse->nodes.end(),
                                      [](const auto& node) { return node.secure; });
        if (!secure) {
            return error(Errc::invalid_argument,
                         "--clickhouse-ca is for a --clickhouse that begins with https://");
        }
        clickhouse->ca_file = authorities.clickhouse;
    }
    return {};
}

}  // namespace qck::commands
