#include "base/http/host.hpp"

#include "base/http/scan.hpp"

namespace qck::http {
namespace {

/// The `:PORT` after a host, or nothing; views as in is_host.
bool is_port_suffix(std::string_view buffer, std::string_view text) {
    if (text.empty()) return true;
    if (text[0] != ':' || text.size() > 6) return false;
    const char* const end =
        find_digits_end(buffer.data(), text.data() + 1, buffer.data() + buffer.size());
    return end >= text.data() + text.size();
}

}  // namespace

bool is_host(std::string_view buffer, std::string_view text) {
    const char* const end = text.data() + text.size();
    if (text.starts_with('[')) {
        const char* const close = find_not_in(ip_literal_byte, text.data() + 1, end);
        if (close == end || *close != ']' || close - text.data() < 3) return false;
        return is_port_suffix(buffer, {close + 1, static_cast<std::size_t>(end - close - 1)});
    }
    const char* const name_end =
        find_host_end(buffer.data(), text.data(), buffer.data() + buffer.size());
    if (name_end == text.data()) return false;
    return is_port_suffix(buffer, {name_end, static_cast<std::size_t>(end - name_end)});
}

}  // namespace qck::http
