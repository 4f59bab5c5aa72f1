#include "services/stores/clickhouse/clickhouse_url.hpp"

#include <algorithm>
#include <optional>

#include "base/authority.hpp"
#include "base/http/target.hpp"

namespace qck::clickhouse {
namespace {

constexpr std::uint16_t http_port = 8123;
constexpr std::uint16_t https_port = 8443;

bool parse_host(std::string_view text, Node& node) {
    const auto parts = split_authority(text);
    if (!parts || parts->host.empty()) return false;
    node.host = parts->host;
    node.port = parts->port.value_or(node.port);
    return node.host.find_first_of(" @\\/?#%") == std::string::npos;
}

/// `user:password` before an `@`; false when it is malformed.
bool take_credentials(std::string_view& authority, ClickhouseUrl& url) {
    const auto at = authority.rfind('@');
    if (at == std::string_view::npos) return true;
    const std::string_view credentials = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const auto colon = std::min(credentials.find(':'), credentials.size());
    const auto user = http::percent_decode(credentials.substr(0, colon));
    const auto password =
        http::percent_decode(credentials.substr(std::min(colon + 1, credentials.size())));
    if (!user || user->empty() || !password) return false;
    url.user = *user;
    url.password = *password;
    return true;
}

/// One part between commas: a URL, or a host that is as the one before it.
bool take_part(std::string_view part, bool& secure, ClickhouseUrl& url) {
    if (part.starts_with("https://")) {
        secure = true;
        part.remove_prefix(8);
    } else if (part.starts_with("http://")) {
        secure = false;
        part.remove_prefix(7);
    } else if (url.nodes.empty() || part.find("://") != std::string_view::npos) {
        return false;
    }
    if (!take_credentials(part, url)) return false;
    while (part.ends_with('/')) part.remove_suffix(1);
    Node node;
    node.secure = secure;
    node.port = secure ? https_port : http_port;
    if (!parse_host(part, node) || url.nodes.size() >= ClickhouseUrl::nodes_max) return false;
    url.nodes.push_back(std::move(node));
    return true;
}

}  // namespace

std::string Node::text() const {
    return (secure ? "https://" : "http://") + bracketed_host(host) + ":" + std::to_string(port);
}

std::string ClickhouseUrl::text() const {
    std::string joined;
    for (const Node& node : nodes) joined += (joined.empty() ? "" : ",") + node.text();
    return joined;
}

Result<ClickhouseUrl> parse_clickhouse_url(std::string_view text) {
    ClickhouseUrl url;
    bool secure = false;
    bool good = true;
    // A password may hold a comma: parts begin after the credentials, which end at the last '@'
    // that a comma follows, or at the only one.
    std::string_view rest = text;
    while (good) {
        const auto scheme = rest.find("://");
        const auto next_url = rest.find(",http", scheme == std::string_view::npos ? 0 : scheme);
        const auto at = rest.substr(0, next_url).rfind('@');
        const auto comma = rest.find(',', at == std::string_view::npos ? 0 : at);
        good = take_part(rest.substr(0, comma), secure, url);
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    if (good) return url;
    return error(Errc::invalid_argument,
                 "the ClickHouse address is malformed (try http://127.0.0.1:8123, or "
                 "http://user:password@host1:8123,host2:8123)");
}

}  // namespace qck::clickhouse
