#include "base/authority.hpp"

#include <charconv>

namespace qck {

Result<Authority> split_authority(std::string_view text) {
    Authority parts;
    parts.bracketed = text.starts_with('[');
    if (parts.bracketed) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) {
            return error(Errc::invalid_argument, "the host has '[' without ']'");
        }
        parts.host = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
    } else {
        parts.host = text.substr(0, text.find(':'));
        text.remove_prefix(parts.host.size());
    }
    if (text.empty()) return parts;
    if (text[0] != ':') return error(Errc::invalid_argument, "expected ':' and a port after ']'");
    text.remove_prefix(1);
    std::uint16_t port = 0;
    const auto end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || port == 0) {
        return error(Errc::invalid_argument, "the port must be a number from 1 to 65535");
    }
    parts.port = port;
    return parts;
}

std::string bracketed_host(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace qck
