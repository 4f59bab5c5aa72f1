#include "services/stores/redis/protocol/endpoint.hpp"

#include <charconv>

#include "base/authority.hpp"

namespace qck::redis {

std::string Endpoint::to_string() const {
    return bracketed_host(host) + ":" + std::to_string(port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    const auto refuse = [text] {
        return error(Errc::invalid_argument, "'" + std::string(text) + "' is not HOST:PORT");
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return refuse();
    Endpoint endpoint;
    const std::string_view digits = text.substr(colon + 1);
    const char* const end = digits.data() + digits.size();
    const auto [stop, failure] = std::from_chars(digits.data(), end, endpoint.port);
    if (failure != std::errc{} || stop != end || endpoint.port == 0) return refuse();
    std::string_view host = text.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    endpoint.host = host;
    return endpoint;
}

}  // namespace qck::redis
