#include "base/http/host.hpp"

#include "base/http/scan.hpp"

namespace qck::http {
namespace {

/// The `:PORT` after a host, or nothing.
bool is_port_suffix(std::string_view text) {
    if (text.empty()) return true;
    if (text[0] != ':' || text.size() > 6) return false;
    unsigned port = 0;
    for (const char byte : text.substr(1)) {
        const auto digit = static_cast<unsigned>(byte - '0');
        if (digit > 9) return false;
        port = port * 10 + digit;
    }
    return port <= 65535;
}

}  // namespace

bool is_host(std::string_view text) {
    const char* const end = text.data() + text.size();
    if (text.starts_with('[')) {
        const char* const close = find_not_in(ip_literal_byte, text.data() + 1, end);
        if (close == end || *close != ']' || close - text.data() < 3) return false;
        return is_port_suffix(text.substr(static_cast<std::size_t>(close - text.data()) + 1));
    }
    const char* const name_end = find_not_in(host_byte, text.data(), end);
    if (name_end == text.data()) return false;
    return is_port_suffix(text.substr(static_cast<std::size_t>(name_end - text.data())));
}

}  // namespace qck::http
