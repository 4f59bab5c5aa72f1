#include "services/links/target_url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/authority.hpp"

namespace qck::links {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string lowered(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }

Error reason(const char* text) { return error(Errc::invalid_argument, text); }

Result<std::string> ipv6_host(std::string_view text) {
    const std::string copy(text);
    in6_addr address{};
    if (::inet_pton(AF_INET6, copy.c_str(), &address) != 1) {
        return reason("the host in brackets is no IPv6 address");
    }
    if (IN6_IS_ADDR_V4MAPPED(&address)) {  // ::ffff:127.0.0.1 is 127.0.0.1 in other clothes
        char plain[INET_ADDRSTRLEN];
        ::inet_ntop(AF_INET, &address.s6_addr[12], plain, sizeof plain);
        return std::string(plain);
    }
    char shortest[INET6_ADDRSTRLEN];
    ::inet_ntop(AF_INET6, &address, shortest, sizeof shortest);
    return std::string(shortest);
}

Result<std::string> named_host(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty()) return reason("a host is missing");
    if (text.size() > 253) return reason("the host is longer than 253 bytes");
    std::string host = lowered(text);
    std::size_t label_bytes = 0;
    for (const char c : host) {
        if (c == '.') {
            if (label_bytes == 0) return reason("the host has an empty part between dots");
            label_bytes = 0;
            continue;
        }
        if (!is_alnum(c) && c != '-' && c != '_') {
            return reason(
                "the host may hold only letters, digits, '.', '-' and '_' (write "
                "international names as xn--)");
        }
        if (++label_bytes > 63) return reason("a part of the host is longer than 63 bytes");
    }
    // Browsers read a host whose last part is a number (or 0x…) as an IPv4 address, whatever it
    // looks like.
    const auto last = std::string_view(host).substr(host.rfind('.') + 1);
    if (std::all_of(last.begin(), last.end(), is_digit) || last.starts_with("0x")) {
        in_addr address{};
        if (::inet_pton(AF_INET, host.c_str(), &address) != 1) {
            return reason("a host of numbers must be an IPv4 address a.b.c.d");
        }
    }
    return host;
}

/// Bytes that may stand in a target as they are.
constexpr auto is_target_byte = [] {
    std::array<bool, 256> allowed{};
    for (std::size_t byte = 0x21; byte < 0x7f; ++byte) allowed[byte] = true;
    for (const char c : {'\\', '"', '<', '>'}) allowed[static_cast<unsigned char>(c)] = false;
    return allowed;
}();

Result<void> check_bytes(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_target_byte[byte]) continue;
        if (byte < 0x20 || byte == 0x7f) return reason("it holds a control character");
        if (byte == ' ') return reason("it holds a space (write %20)");
        if (byte > 0x7f) return reason("it holds bytes beyond ASCII (percent-encode them)");
        if (c == '\\') return reason("it holds a backslash (write / or %5C)");
        return reason("it holds \", < or > (percent-encode them)");
    }
    return {};
}

/// Up to the first of `marks`: these texts are short, so looking at each byte beats memchr.
template <std::size_t count>
std::string_view up_to_any(std::string_view text, const std::array<char, count>& marks) {
    const auto is_mark = [&marks](char c) {
        return std::find(marks.begin(), marks.end(), c) != marks.end();
    };
    return {text.begin(), std::find_if(text.begin(), text.end(), is_mark)};
}

bool is_loopback(std::string_view host) {
    return host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") ||
           host == "::1" || host == "0.0.0.0" || host == "::";
}

}  // namespace

Result<TargetUrl> parse_target(std::string_view text) {
    TargetUrl url;
    const auto colon = text.find(':');
    const auto scheme = lowered(text.substr(0, std::min(colon, std::size_t{6})));
    if (colon == std::string_view::npos || (scheme != "http" && scheme != "https")) {
        return reason("only http and https targets");
    }
    if (auto good = check_bytes(text); !good) return good.error();
    url.secure = scheme == "https";
    auto rest = text.substr(colon + 1);
    if (!rest.starts_with("//")) return reason("expected // and a host after the scheme");
    rest.remove_prefix(2);
    const auto authority = up_to_any(rest, std::array{'/', '?', '#'});
    if (authority.find('@') != std::string_view::npos) {
        return reason("a user name or password before the host hides where it leads");
    }
    const auto parts = split_authority(authority);
    if (!parts) return parts.error();
    auto host = parts->bracketed ? ipv6_host(parts->host) : named_host(parts->host);
    if (!host) return host.error();
    url.host = std::move(*host);
    url.port = parts->port.value_or(url.secure ? 443 : 80);
    rest.remove_prefix(authority.size());
    url.path = up_to_any(rest, std::array{'?', '#'});
    return url;
}

bool names_same_place(const TargetUrl& url, std::string_view own) {
    const auto parts = split_authority(own);
    if (!parts) return false;
    // The port first: it is the cheaper to compare, and differs for most targets.
    if (parts->port && *parts->port != url.port) return false;
    const auto host = parts->bracketed ? ipv6_host(parts->host) : named_host(parts->host);
    if (!host) return false;
    return *host == url.host || (is_loopback(*host) && is_loopback(url.host));
}

std::string plain_path(std::string_view path) {
    std::string decoded;
    const auto hex = [](char c) {
        if (is_digit(c)) return c - '0';
        const char l = lower(c);
        return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
    };
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '%' && i + 2 < path.size() && hex(path[i + 1]) >= 0 &&
            hex(path[i + 2]) >= 0) {
            decoded += static_cast<char>(hex(path[i + 1]) * 16 + hex(path[i + 2]));
            i += 2;
        } else {
            decoded += path[i];
        }
    }
    std::vector<std::string_view> segments;
    std::string_view rest = decoded;
    while (!rest.empty()) {
        const auto slash = std::min(rest.find('/'), rest.size());
        const auto segment = rest.substr(0, slash);
        rest.remove_prefix(std::min(slash + 1, rest.size()));
        if (segment == "..") {
            if (!segments.empty()) segments.pop_back();
        } else if (!segment.empty() && segment != ".") {
            segments.push_back(segment);
        }
    }
    std::string plain;
    for (const auto segment : segments) plain.append("/").append(segment);
    return plain.empty() ? "/" : plain;
}

}  // namespace qck::links
