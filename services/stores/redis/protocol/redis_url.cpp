#include "services/stores/redis/protocol/redis_url.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/http/target.hpp"

namespace qck::redis {
namespace {

constexpr std::uint16_t default_port = 6379;
constexpr std::uint16_t default_sentinel_port = 26379;
constexpr std::uint32_t db_max = 1'000'000;

struct Scheme {
    std::string_view prefix;
    bool tls;
    bool sentinel;
};
constexpr std::array<Scheme, 4> schemes{{{"redis://", false, false},
                                         {"rediss://", true, false},
                                         {"redis-sentinel://", false, true},
                                         {"rediss-sentinel://", true, true}}};

/// The URL as a person may see it: what stands between the scheme and the last @ is a secret.
std::string without_secrets(std::string_view text) {
    const auto at = text.rfind('@');
    if (at == std::string_view::npos) return std::string(text);
    const auto scheme = text.find("://");
    const auto from = scheme == std::string_view::npos || scheme > at ? 0 : scheme + 3;
    return std::string(text.substr(0, from)) + "***" + std::string(text.substr(at));
}

Error refused(std::string_view text, const std::string& why) {
    return error(Errc::invalid_argument, "cannot use the Redis URL '" + without_secrets(text) +
                                             "': " + why +
                                             " (try redis://[user:password@]host:6379[/db])");
}

const Scheme* scheme_of(std::string_view text) {
    for (const Scheme& scheme : schemes) {
        if (text.starts_with(scheme.prefix)) return &scheme;
    }
    return nullptr;
}

std::optional<Endpoint> endpoint_of(std::string_view text, std::uint16_t port) {
    const bool bare_v6 = text.starts_with('[') && text.ends_with(']');
    const bool has_port = !bare_v6 && text.find(':') != std::string_view::npos;
    const std::string full =
        has_port ? std::string(text) : std::string(text) + ":" + std::to_string(port);
    auto endpoint = parse_endpoint(full);
    if (!endpoint || endpoint->host.empty()) return std::nullopt;
    for (const char c : endpoint->host) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
        if (!plain) return std::nullopt;
    }
    return *std::move(endpoint);
}

/// `user:password@`, if it is there, is taken off the front of `rest`. An empty text is success.
std::string take_credentials(std::string_view& rest, RedisUrl& url) {
    const auto at = rest.rfind('@');
    if (at == std::string_view::npos) return {};
    const std::string_view userinfo = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const auto colon = userinfo.find(':');
    if (colon == std::string_view::npos) return "it has a user but no password";
    const auto user = http::percent_decode(userinfo.substr(0, colon));
    const auto password = http::percent_decode(userinfo.substr(colon + 1));
    if (!user || !password) return "its user or password is not percent-encoded";
    if (password->empty()) return "its password is empty";
    if (!url.password.empty() && (url.user != *user || url.password != *password)) {
        return "all nodes of a cluster have one user and password";
    }
    url.user = *user;
    url.password = *password;
    return {};
}

std::string take_db(std::string_view text, RedisUrl& url) {
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, url.db);
    if (failure != std::errc{} || stop != end || url.db > db_max) {
        return "'" + std::string(text) + "' is not the number of a database";
    }
    return {};
}

/// One URL of a server or of a cluster's seed.
std::string take_server(std::string_view rest, RedisUrl& url) {
    if (auto why = take_credentials(rest, url); !why.empty()) return why;
    const auto slash = rest.find('/');
    if (slash != std::string_view::npos && slash + 1 < rest.size()) {
        if (auto why = take_db(rest.substr(slash + 1), url); !why.empty()) return why;
    }
    const auto endpoint = endpoint_of(rest.substr(0, slash), default_port);
    if (!endpoint) return "'" + std::string(rest.substr(0, slash)) + "' is not HOST:PORT";
    url.endpoints.push_back(*endpoint);
    return {};
}

std::string take_sentinels(std::string_view rest, RedisUrl& url) {
    url.topology = Topology::sentinel;
    if (auto why = take_credentials(rest, url); !why.empty()) return why;
    const auto slash = rest.find('/');
    const auto hosts = rest.substr(0, slash);
    std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
    const auto second = path.find('/');
    url.master_name = path.substr(0, second);
    if (url.master_name.empty()) return "it names no master (redis-sentinel://host:26379/mymaster)";
    if (second != std::string_view::npos && second + 1 < path.size()) {
        if (auto why = take_db(path.substr(second + 1), url); !why.empty()) return why;
    }
    for (std::size_t from = 0; from <= hosts.size();) {
        const auto comma = std::min(hosts.find(',', from), hosts.size());
        const auto endpoint = endpoint_of(hosts.substr(from, comma - from), default_sentinel_port);
        if (!endpoint) {
            return "'" + std::string(hosts.substr(from, comma - from)) + "' is not HOST:PORT";
        }
        url.endpoints.push_back(*endpoint);
        from = comma + 1;
    }
    return {};
}

std::string take_servers(std::string_view text, const Scheme& scheme, RedisUrl& url) {
    std::string_view rest = text.substr(scheme.prefix.size());
    while (true) {
        const auto comma = rest.find(',');
        if (auto why = take_server(rest.substr(0, comma), url); !why.empty()) return why;
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
        const Scheme* const next = scheme_of(rest);
        if (next != nullptr) {
            if (next->prefix != scheme.prefix) return "all nodes of a cluster have one scheme";
            rest.remove_prefix(next->prefix.size());
        }
    }
    if (url.endpoints.size() > 1) url.topology = Topology::cluster;
    if (url.topology == Topology::cluster && url.db != 0) return "a cluster has only database 0";
    return {};
}

}  // namespace

std::string RedisUrl::to_string() const {
    std::string text = tls ? "rediss" : "redis";
    text += topology == Topology::sentinel ? "-sentinel://" : "://";
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        text += (i == 0 ? "" : ",") + endpoints[i].to_string();
    }
    if (topology == Topology::sentinel) text += "/" + master_name;
    if (db != 0) text += "/" + std::to_string(db);
    return text;
}

Result<RedisUrl> parse_redis_url(std::string_view text) {
    const Scheme* const scheme = scheme_of(text);
    if (scheme == nullptr) return refused(text, "it begins with no scheme that is known");
    RedisUrl url;
    url.tls = scheme->tls;
    const std::string why = scheme->sentinel
                                ? take_sentinels(text.substr(scheme->prefix.size()), url)
                                : take_servers(text, *scheme, url);
    if (!why.empty()) return refused(text, why);
    return url;
}

}  // namespace qck::redis
