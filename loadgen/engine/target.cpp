#include "loadgen/engine/target.hpp"

#include <algorithm>
#include <charconv>

namespace qck::engine {
namespace {

Error not_a_target(std::string_view url, const char* why) {
    return error(Errc::invalid_argument, "'" + std::string(url) + "' is not a target: " + why +
                                             " (try http://127.0.0.1:8080/code)");
}

/// Takes `HOST`, `HOST:PORT` or `[V6]:PORT` apart.
Result<void> split_authority(std::string_view url, std::string_view authority, Target& target) {
    std::string_view port;
    if (authority.starts_with('[')) {
        const auto bracket = authority.find(']');
        if (bracket == std::string_view::npos) return not_a_target(url, "a bracket is not closed");
        target.host = authority.substr(1, bracket - 1);
        port = authority.substr(bracket + 1);
    } else {
        const auto colon = authority.find(':');
        target.host = authority.substr(0, colon);
        port = colon == std::string_view::npos ? std::string_view{} : authority.substr(colon);
    }
    if (target.host.empty()) return not_a_target(url, "the host is missing");
    if (port.empty()) return {};
    if (port.front() != ':') return not_a_target(url, "after the bracket comes a colon or nothing");
    port.remove_prefix(1);
    const auto [end, failure] =
        std::from_chars(port.data(), port.data() + port.size(), target.port);
    if (failure != std::errc{} || end != port.data() + port.size() || target.port == 0) {
        return not_a_target(url, "the port is not a number from 1 to 65535");
    }
    return {};
}

}  // namespace

std::string Target::host_header() const {
    std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
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
    if (auto split = split_authority(url, authority, target); !split) return split.error();
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
