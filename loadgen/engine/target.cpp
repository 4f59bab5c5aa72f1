#include "loadgen/engine/target.hpp"

#include <algorithm>

#include "base/authority.hpp"

namespace qck::engine {
namespace {

Error not_a_target(std::string_view url, const std::string& why) {
    return error(Errc::invalid_argument, "'" + std::string(url) + "' is not a target: " + why +
                                             " (try http://127.0.0.1:8080/code)");
}

}  // namespace

std::string Target::host_header() const {
    std::string text = bracketed_host(host);
    if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
    return text;
}

std::string Target::origin() const { return (tls ? "https://" : "http://") + host_header(); }

bool Target::is_private() const {
    return std::all_of(addresses.begin(), addresses.end(), [](const net::Address& address) {
        return address.is_loopback() || address.is_private();
    });
}

Result<Target> parse_target(std::string_view url) {
    Target target;
    std::string_view rest = url;
    if (rest.starts_with("https://")) {
        target.tls = true;
        target.port = 443;
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
    } else {
        return not_a_target(url, "it has to begin with http:// or https://");
    }
    const bool odd =
        std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; });
    if (odd) return not_a_target(url, "white space and bytes beyond ASCII have to be %-encoded");
    rest = rest.substr(0, rest.find('#'));
    const auto slash = rest.find_first_of("/?");
    const std::string_view authority = rest.substr(0, slash);
    if (authority.find('@') != std::string_view::npos) {
        return not_a_target(url, "user names and passwords are not taken");
    }
    if (slash != std::string_view::npos) {
        target.path = rest[slash] == '?' ? "/" + std::string(rest.substr(slash))
                                         : std::string(rest.substr(slash));
    }
    const auto parts = split_authority(authority);
    if (!parts) return not_a_target(url, parts.error().message);
    if (parts->host.empty()) return not_a_target(url, "the host is missing");
    target.host = parts->host;
    target.port = parts->port.value_or(target.port);
    return target;
}

Result<Target> find_target(std::string_view url) {
    auto target = parse_target(url);
    if (!target) return target;
    auto addresses = net::resolve(target->host, target->port);
    if (!addresses) return addresses.error();
    if (addresses->empty()) {
        return error(Errc::unavailable, "cannot resolve " + target->host + ": it has no address");
    }
    target->addresses = std::move(*addresses);
    return target;
}

}  // namespace qck::engine
