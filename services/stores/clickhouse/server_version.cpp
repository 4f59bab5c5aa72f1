#include "services/stores/clickhouse/server_version.hpp"

#include <charconv>
#include <string>

namespace qck::clickhouse {

Result<ServerVersion> parse_server_version(std::string_view text) {
    ServerVersion version;
    const char* const end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, version.major);
    if (major.ec == std::errc{} && major.ptr != end && *major.ptr == '.') {
        const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
        if (minor.ec == std::errc{}) return version;
    }
    return error(Errc::unavailable, "'" + std::string(text.substr(0, 40)) +
                                        "' is not a version of ClickHouse (is it a ClickHouse "
                                        "server?)");
}

}  // namespace qck::clickhouse
