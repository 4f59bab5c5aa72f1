#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qck::redis {

/// The channel of that purpose for the users of a database. PUBLISH and SUBSCRIBE know no
/// databases, so the name says which it is: `qck:invalidate`, and `qck:invalidate:1` of `/1`.
inline std::string channel_of(std::string_view purpose, std::uint32_t db) {
    std::string name(purpose);
    if (db != 0) name += ":" + std::to_string(db);
    return name;
}

/// Where instances tell each other of changed links.
inline std::string invalidation_channel(std::uint32_t db) {
    return channel_of("qck:invalidate", db);
}

/// Ids of links of which Redis lost totals, in decimal with spaces between: who counted clicks of
/// them delivers them again.
inline std::string heal_channel(std::uint32_t db) { return channel_of("qck:heal", db); }

}  // namespace qck::redis
